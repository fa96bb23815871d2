//! What can be wrong with a command line, and what `--help` tells.

use crate::support::Namespace;

#[test]
fn wrong_usage_is_status_2() {
    let namespace = Namespace::new();
    for arguments in [
        &[][..],
        &["sing"],
        &["serve", "x"],
        &["serve", "x", "--echo", "--exec", "cat"],
        &["serve", "x", "--echo", "--access", "in"],
        &["serve", "x", "--echo", "--read-mode", "message"],
        &["serve", "x", "--echo", "--max-instances", "0"],
        &["serve", "x", "--echo", "--max-instances", "256"],
        &["serve", "x", "--echo", "--count", "0"],
        &["serve", "x", "--echo", "--security", "D:(A;;XX;;;WD)"],
        &["call", "x", "y", "--server", "somebody"],
        &["serve", r"\\server\pipe\x", "--echo"],
        &["connect"],
        &["connect", "x", "--no-wait-reply", "--linger", "1"],
        &["connect", r"a\b"],
        &["call", "x"],
        &["call", "", "x"],
        &["wait", "x", "--timeout", "soon"],
        &["ls", "x"],
        &["info"],
    ] {
        let done = namespace.run(arguments);
        assert_eq!(done.code(), Some(2), "{arguments:?}: {}", done.stderr());
        assert!(!done.stderr().is_empty(), "{arguments:?}");
    }
    namespace.assert_empty();
}

#[test]
fn help_tells_every_command_and_every_status() {
    let namespace = Namespace::new();
    let help = namespace.run(&["--help"]).assert_code(0).stdout();
    for command in [
        "demo", "serve", "connect", "call", "wait", "ls", "info", "install",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}");
        namespace.run(&[command, "--help"]).assert_code(0);
    }
    #[cfg(all(feature = "export", target_os = "linux"))]
    assert!(help.contains("\n  export "));
    assert!(!help.contains("demo-peer"));
    for status in 0..=7 {
        assert!(help.contains(&format!("\n  {status}  ")), "{status}");
    }
}
