//! What `nexus sim check` prints, and how it ends.

use std::fs;

use clap::Parser;

use super::*;
use crate::cli::{Cli, Command};
use crate::failure::Exit;
use crate::interrupt::Interrupt;

const OK: &str = "{:process 0, :type :invoke, :f :write, :value 1}\n\
                  {:process 0, :type :ok, :f :write, :value 1}\n";
const VIOLATED: &str = "{:process 0, :type :invoke, :f :read, :key \"\\\"\"}\n\
                        {:process 0, :type :ok, :f :read, :key \"\\\"\", :value 1}\n";
const REASON: &str = "key \"\\\"\": what began before has an order, but none goes on to get by \
                      client 0 (lines 1 to 2), which answered 1 where only nothing was possible";

/// A folder of files, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &[u8])]) -> Folder {
        let name = format!("nexus-check-{}-{name}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0).expect("it can be made");
        for (name, bytes) in files {
            fs::write(folder.0.join(name), bytes).expect("it can be written");
        }
        folder
    }

    /// What `nexus sim check` with these words prints, what it fails with, and
    /// its exit code; the folder's name is left out.
    fn check(&self, line: &str) -> (String, String, Option<Exit>) {
        let folder = format!("{}/", self.0.display());
        let line = line.replace("./", &folder);
        let cli = Cli::parse_from(["nexus", "sim", "check"].into_iter().chain(line.split(' ')));
        let Command::Sim(args) = &cli.command else { panic!("not sim") };
        let mut printed = Vec::new();
        let ended = super::super::run(
            args,
            &cli.common,
            || Ok(Interrupt::default()),
            &mut Output::new(&mut printed),
        );
        let printed = String::from_utf8(printed).expect("it is text").replace(&folder, "");
        match ended {
            Ok(()) => (printed, String::new(), None),
            Err(failure) => (printed, failure.chain().replace(&folder, ""), Some(failure.exit())),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn each_file_has_a_row_with_exactly_the_fields_that_scripts_expect() {
    let folder = Folder::new("rows", &[("a", OK.as_bytes()), ("b", VIOLATED.as_bytes())]);
    let (printed, told, exit) = folder.check("--format json linearizability ./a ./b");
    let reason = REASON.replace('\\', "\\\\").replace('"', "\\\"");
    assert_eq!(
        printed,
        format!(
            "{{\"file\":\"a\",\"verdict\":\"ok\",\"reason\":\"\"}}\n\
             {{\"file\":\"b\",\"verdict\":\"violated\",\"reason\":\"{reason}\"}}\n"
        )
    );
    assert_eq!(told, "1 of 2 violated, 0 unknown");
    assert_eq!(exit, Some(Exit::Check));
    let (printed, told, exit) = folder.check("linearizability ./a");
    assert!(printed.ends_with("\nok       a\n") && told.is_empty(), "{printed}{told}");
    assert_eq!(exit, None);
}

#[test]
fn people_read_the_reason_below_its_file() {
    let folder = Folder::new("table", &[("a", OK.as_bytes()), ("b", VIOLATED.as_bytes())]);
    let (printed, ..) = folder.check("linearizability ./b ./a");
    assert_eq!(
        printed.lines().skip(2).collect::<Vec<_>>(),
        ["violated  b", &format!("          {REASON}"), "ok        a"]
    );
}

#[test]
fn what_cannot_be_checked_is_told_and_the_others_are_checked() {
    let log = "a {\"a\":1}\n";
    let files: &[(&str, &[u8])] =
        &[("a", log.as_bytes()), ("b", b"a {\"a\":2}"), ("c", b"\x00\xff"), ("d", b"")];
    let folder = Folder::new("bad", files);
    let (printed, told, exit) = folder.check("causality ./c ./a ./nothere");
    assert!(printed.ends_with("ok       a\n"), "{printed}");
    assert_eq!(
        told,
        "c:1: is not UTF-8 text at byte 2 of the line\n  \\0\nnothing was checked\n\
         cannot read nothere: No such file or directory (os error 2)"
    );
    assert_eq!(exit, Some(Exit::Environment));
    assert_eq!(folder.check("causality ./b ./d").2, Some(Exit::Usage));
    assert_eq!(folder.check("causality ./b").2, Some(Exit::Check));
    assert_eq!(folder.check("causality .//").2, Some(Exit::Environment));
    let (printed, told, exit) = folder.check("linearizability ./a");
    assert!(printed.is_empty() && told.contains("a:1: is in no format of a history"), "{told}");
    assert_eq!(exit, Some(Exit::Usage));
}

#[test]
fn a_file_without_end_is_refused() {
    let folder = Folder::new("zero", &[]);
    let (_, told, exit) = folder.check("causality /dev/zero");
    assert!(told.contains("/dev/zero: is larger than"), "{told}");
    assert_eq!(exit, Some(Exit::Usage));
}
