//! One thread, many pipes: a server that waits for all of its clients with `poll`, which Linux has and
//! Windows has not. There, pending operations do as much.

#[cfg(target_os = "linux")]
mod linux;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    #[cfg(target_os = "linux")]
    linux::main()?;
    #[cfg(not(target_os = "linux"))]
    println!("there is nothing to poll here");
    Ok(())
}
