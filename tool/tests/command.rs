//! The program as a user runs it, on the model and on this machine.

use std::fs::{self, File};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn ixgbectl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ixgbectl")).args(arguments).output().unwrap()
}

/// Runs the program, which must end with `code`, and without a word on the standard error output: no terminal is there to
/// draw a bar on. Returns what it prints on the standard output.
#[track_caller]
fn ends(code: i32, arguments: &[&str]) -> String {
    let output = ixgbectl(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), &*error), (Some(code), ""), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs the program, which must refuse with one sentence that contains `says`.
#[track_caller]
fn refuses(says: &str, arguments: &[&str]) {
    let output = ixgbectl(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
    assert!(error.contains(says), "{arguments:?} does not say {says:?}: {error}");
    let is_usage = error.contains("For more information, try '--help'");
    assert!(is_usage || error.lines().count() == 1, "{arguments:?} says more than a sentence: {error}");
    assert!(!error.contains("panicked"), "{error}");
}

#[test]
fn the_model_is_shown() {
    let text = ends(0, &["show", "model"]);
    for line in
        ["model\n", "\n  link         up\n", "receive 2 of 512 descriptors", "\n  MAC          02:82:59:90:00:00\n"]
    {
        assert!(text.contains(line), "{line:?} is not in {text}");
    }
    let json: Value = serde_json::from_str(&ends(0, &["show", "model", "--json"])).unwrap();
    assert_eq!(json["link"]["up"], true);
    assert_eq!(json["rings"]["transmit"], serde_json::json!([512, 512]));
}

#[test]
fn registers_of_the_model_are_decoded() {
    let text = ends(0, &["registers", "model", "rxdctl", "EICR", "--all"]);
    assert!(text.contains("RXDCTL[1]    0x") && text.contains("\n    ENABLE: 1\n"), "{text}");
    assert!(text.ends_with("EICR         -          (a read changes it)\n"), "{text}");
    let all: Value = serde_json::from_str(&ends(0, &["registers", "model", "--json"])).unwrap();
    assert!(all.as_object().unwrap().len() > 400);
    assert_eq!(all["LINKS"]["not_read"], "a read changes it");
    refuses("there is no register NOSUCH", &["registers", "model", "NOSUCH"]);
}

#[test]
fn statistics_of_the_model_are_counted() {
    assert!(ends(0, &["stats", "model"]).contains("rx_packets                                       1000\n"));
    let json: Value = serde_json::from_str(&ends(0, &["stats", "model", "--json"])).unwrap();
    assert_eq!(json["counters"]["rx_packets"], 1000);
    let text = ends(0, &["stats", "model", "--prometheus"]);
    assert!(text.contains("\nixgbe_receive_packets_total{address=\"model\"} 1000\n"), "{text}");
    refuses("cannot be used with", &["stats", "model", "--prometheus", "--watch", "1"]);
}

#[test]
fn a_watch_ends_in_order_when_it_is_interrupted() {
    let child = Command::new(env!("CARGO_BIN_EXE_ixgbectl"))
        .args(["stats", "model", "--watch", "1", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let lines = String::from_utf8(output.stdout).unwrap();
    assert!(lines.lines().count() >= 2, "{lines}");
    for line in lines.lines() {
        assert!(serde_json::from_str::<Value>(line).unwrap()["link_up"].is_boolean(), "{line}");
    }
}

#[test]
fn the_led_of_the_model_blinks() {
    assert_eq!(ends(0, &["blink", "model", "1"]), "LED2 blinks for 1 s\n");
}

#[test]
fn the_self_test_finds_what_is_wrong_and_reports_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name).display().to_string();
    let (report, trace) = (file("card.json"), file("card.trace"));
    let quick = ["selftest", "model", "--max-frame", "1518", "--stride", "512", "--cycles", "1"];
    let text = ends(0, &[&quick[..], &["--link", "--report", &report, "--trace", &trace]].concat());
    assert!(text.contains("0 differ, 0 skipped"), "{text}");
    let report: Value = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(report["format"], "ixgbe selftest 1");
    assert!(fs::read_to_string(trace).unwrap().starts_with("ixgbe register trace 1\n"));
    let text = ends(1, &[&quick[..], &["--fault", "EepromMissing"]].concat());
    assert!(text.contains("\ndiffers  reset "), "{text}");
    refuses("cannot write /nowhere/card.json", &[&quick[..], &["--report", "/nowhere/card.json"]].concat());
    let both = file("both");
    fs::write(&both, "precious").unwrap();
    refuses("cannot be both", &["selftest", "model", "--report", &both, "--trace", &both]);
    refuses("cannot write /nowhere/", &["selftest", "model", "--report", &both, "--trace", "/nowhere/card.trace"]);
    assert_eq!(fs::read_to_string(both).unwrap(), "precious");
    // The test goes on, and its result is printed, but the trace is not there.
    let output = ixgbectl(&[&quick[..], &["--trace", "/dev/full"]].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stdout).unwrap().contains("0 differ"));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("error: cannot write /dev/full: No space left"));
    refuses("--fault is for the model", &["selftest", "0000:ff:1f.7", "--fault", "TxStalls"]);
}

#[test]
fn wrong_arguments_are_refused_with_a_sentence() {
    refuses("looks like 0000:03:00.0", &["show", "eth0"]);
    for command in ["show", "registers", "stats", "blink"] {
        refuses("there is no PCI function ffff:1f:1f.7", &[command, "ffff:1f:1f.7"]);
    }
    refuses("there is no PCI function", &["selftest", "ffff:1f:1f.7", "--sysfs"]);
    refuses("required arguments", &["show"]);
    refuses("--sysfs", &["blink", "model", "--take"]);
    refuses("0 is not in 1..=86400", &["blink", "model", "0"]);
}

#[test]
fn a_reader_that_goes_away_is_fine_and_a_full_disk_is_not() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ixgbectl"))
        .args(["registers", "model", "--all"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ixgbectl")).args(["show", "model"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("error: No space left"));
    // Nor is there a panic if the error cannot be printed.
    let full = File::options().write(true).open("/dev/full").unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_ixgbectl")).args(["show", "0000:ff:1f.7"]).stderr(full).status();
    assert_eq!(status.unwrap().code(), Some(2));
}

/// Lists and shows whatever functions this machine has.
#[test]
fn functions_of_this_machine_are_listed() {
    let output = ixgbectl(&["list", "--json"]);
    let functions: Value = serde_json::from_slice(&output.stdout).unwrap();
    let functions = functions.as_array().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(functions.is_empty())));
    for function in functions {
        let shown = ixgbectl(&["show", function["address"].as_str().unwrap()]);
        assert!(matches!(shown.status.code(), Some(0 | 1)), "{shown:?}");
    }
    if functions.is_empty() {
        assert_eq!(ends(1, &["list"]), "no 82599 was found\n");
    }
}

#[test]
fn completions_are_printed_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = ends(0, &["completions", shell]);
        assert!(script.contains("ixgbectl") && script.contains("selftest"), "{shell}");
    }
    let output = Command::new("bash").args(["-n", "-c", &ends(0, &["completions", "bash"])]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
