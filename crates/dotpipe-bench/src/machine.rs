//! What the numbers belong to: the machine, its system, the versions.

use std::fs;

/// The lock file that this program was built with: it has the versions of all transports.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// A few lines for people.
pub(crate) fn description(wine: Option<&str>) -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let model = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| {
            Some(
                line.strip_prefix("model name")?
                    .split_once(':')?
                    .1
                    .trim()
                    .to_owned(),
            )
        })
        .unwrap_or_else(|| "unknown processor".into());
    let system = rustix::system::uname();
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    let mut text = format!(
        "{model}, {count} processors usable; {} {}\n",
        system.sysname().to_string_lossy(),
        system.release().to_string_lossy(),
    );
    let mut versions = vec![format!("dotpipe {}", env!("CARGO_PKG_VERSION"))];
    if cfg!(feature = "peers") {
        versions.extend(["interprocess", "iceoryx2", "ipc-channel"].map(|name| {
            format!(
                "{name} {}",
                locked_version(LOCK, name).unwrap_or("of an unknown version")
            )
        }));
    }
    versions.extend(wine.map(str::to_owned));
    text += &versions.join(", ");
    text
}

/// How busy the machine is with other things, if it is.
pub(crate) fn load_warning() -> Option<String> {
    let load = fs::read_to_string("/proc/loadavg").ok()?;
    let last_minute: f64 = load.split_whitespace().next()?.parse().ok()?;
    (last_minute > 0.3)
        .then(|| format!("This machine is busy (load {last_minute}): do not believe the numbers."))
}

fn locked_version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let start = lock.find(&format!("name = \"{name}\"\n"))?;
    let (_, rest) = lock[start..].split_once("version = \"")?;
    Some(rest.split_once('"')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_tells_versions() {
        let lock = "[[package]]\nname = \"a-b\"\nversion = \"9\"\n\n[[package]]\nname = \"b\"\nversion = \"1.2.3\"\n";
        assert_eq!(locked_version(lock, "b"), Some("1.2.3"));
        assert_eq!(locked_version(lock, "c"), None);
        assert_eq!(
            locked_version(LOCK, "dotpipe-bench"),
            Some(env!("CARGO_PKG_VERSION"))
        );
    }
}
