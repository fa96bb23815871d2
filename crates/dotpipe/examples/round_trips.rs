//! Two processes pass a small message back and forth, and tell how long a round trip takes.
//!
//! `round_trips [COUNT]` starts itself a second time as the client, on another processor where there is one.
//! Both stay awake, so that the data pass without the kernel: `.ci/count-system-calls` counts what is left
//! of system calls.

use std::error::Error;
use std::process::Command;
use std::time::Instant;

use dotpipe::exact;
use dotpipe::name::PipeName;
use dotpipe::options::{CreateOptions, DesiredAccess, PipeMode, WaitMode};

const LEN: usize = 64;

/// Keeps this process on the first or on the last of the processors that it may use.
#[cfg(target_os = "linux")]
fn stay_on(first: bool) -> Result<(), Box<dyn Error>> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let allowed = sched_getaffinity(None)?;
    let mut processors = (0..CpuSet::MAX_CPU).filter(|number| allowed.is_set(*number));
    let number = if first {
        processors.next()
    } else {
        processors.next_back()
    };
    let mut one = CpuSet::new();
    one.set(number.ok_or("no processor")?);
    Ok(sched_setaffinity(None, &one)?)
}

/// The system does well enough elsewhere.
#[cfg(not(target_os = "linux"))]
fn stay_on(_first: bool) -> Result<(), Box<dyn Error>> {
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [role, name, count] if role == "client" => client(&name.parse()?, count.parse()?),
        [] => server(10_000),
        [count] => server(count.parse()?),
        _ => Err("usage: round_trips [COUNT]".into()),
    }
}

fn server(count: usize) -> Result<(), Box<dyn Error>> {
    let name = PipeName::local(&format!("round-trips-{}", std::process::id()))?;
    let options = CreateOptions {
        pipe_type: PipeMode::Message,
        read_mode: PipeMode::Message,
        ..CreateOptions::default()
    };
    let server = exact::create(&name, &options)?;
    let program = std::env::current_exe()?;
    let arguments = ["client".into(), name.to_string(), count.to_string()];
    let mut client = Command::new(program).args(arguments).spawn()?;
    stay_on(true)?;
    server.connect_until(None).or_else(|code| match code {
        dotpipe::win32::Win32Error::PIPE_CONNECTED => Ok(()),
        code => Err(code),
    })?;
    let mut buffer = [0; LEN];
    for _ in 0..count {
        let received = server.read(&mut buffer)?;
        server.write(&buffer[..received.len])?;
    }
    if client.wait()?.success() {
        Ok(())
    } else {
        Err("the client failed".into())
    }
}

fn client(name: &PipeName, count: usize) -> Result<(), Box<dyn Error>> {
    stay_on(false)?;
    let client = exact::open(name, DesiredAccess::READ | DesiredAccess::WRITE)?;
    client.set_state(PipeMode::Message, WaitMode::Blocking)?;
    let (question, mut answer) = ([7; LEN], [0; LEN]);
    let start = Instant::now();
    for _ in 0..count {
        client.write(&question)?;
        let received = client.read(&mut answer)?;
        if answer[..received.len] != question {
            return Err("another message came back".into());
        }
    }
    println!(
        "{count} round trips of {LEN} bytes, {:.3?} each",
        start.elapsed() / count as u32
    );
    Ok(())
}
