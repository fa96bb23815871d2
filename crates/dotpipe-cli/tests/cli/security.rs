//! Who serves and who may: `--server`, `--security`, `dotpipe install`.

use std::os::unix::fs::PermissionsExt;

use crate::support::Namespace;

#[test]
fn a_client_can_insist_on_who_serves() {
    let namespace = Namespace::new();
    let _server = namespace.serve(&["echo", "--echo", "--type", "message"]);
    let call = |sid: &str| namespace.run(&["call", "echo", "hello", "--server", sid]);
    let me = rustix::process::geteuid();
    assert_eq!(
        call(&format!("S-1-22-1-{me}")).assert_code(0).stdout(),
        "hello\n"
    );
    let refused = call("S-1-22-1-4000000").assert_code(5);
    assert!(
        refused.stderr().contains("require_server"),
        "{}",
        refused.stderr()
    );
    namespace
        .run(&["connect", "echo", "--server", "S-1-22-1-4000000"])
        .assert_code(5);
}

#[test]
fn a_descriptor_holds_for_ones_own_clients_too() {
    let namespace = Namespace::new();
    let _server = namespace.serve(&[
        "p",
        "--echo",
        "--type",
        "message",
        "--security",
        "D:(A;;GR;;;WD)",
    ]);
    namespace.run(&["call", "p", "hello"]).assert_code(5);
    namespace
        .run(&["serve", "p", "--echo", "--type", "message"])
        .assert_code(5);
}

#[test]
fn install_prints_or_installs() {
    let namespace = Namespace::new();
    let printed = namespace
        .run(&["install", "--print"])
        .assert_code(0)
        .stdout();
    assert!(
        printed.contains("d /run/dotpipe 1777 root root -\n"),
        "{printed}"
    );

    let root = tempfile::tempdir().unwrap();
    let text = root.path().to_str().unwrap();
    for _ in 0..2 {
        namespace.run(&["install", "--root", text]).assert_code(0);
    }
    let file = root.path().join("etc/tmpfiles.d/dotpipe.conf");
    assert_eq!(std::fs::read_to_string(file).unwrap(), printed);
    let directory = std::fs::metadata(root.path().join("run/dotpipe")).unwrap();
    assert_eq!(directory.permissions().mode() & 0o7777, 0o1777);
    #[cfg(feature = "export")]
    {
        let unit = namespace.run(&["install", "--export", "--print"]);
        let unit = unit.assert_code(0).stdout();
        assert!(unit.contains("ExecStart=dotpipe export --all\n"), "{unit}");
        let both = ["install", "--export", "--root", text];
        namespace.run(&both).assert_code(0);
        let file = root
            .path()
            .join("etc/systemd/system/dotpipe-export.service");
        assert_eq!(std::fs::read_to_string(file).unwrap(), unit);
    }
    let failed = namespace
        .run(&["install", "--root", "/proc"])
        .assert_code(1);
    assert!(failed.stderr().contains("/proc/etc"), "{}", failed.stderr());
}
