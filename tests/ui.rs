//! What must not compile, and what a person reads who tries: see `ui/README.md`.

#[path = "common/crates.rs"]
mod crates;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use crates::{Result, root};
use similar::TextDiff;

/// Most tokens that a wrong use and its twin may differ in.
const MOST_TOKENS: usize = 14;

// Wrong uses stand in a set of their own: trybuild only checks a set without right uses, and so what fails here fails for
// an editor too, not in a build alone.
#[test]
fn wrong_uses_do_not_compile() -> Result {
    // trybuild starts cargo below this directory, so that this is a setting of that cargo.
    let settings = crates::build_directory()?.join("tests/.cargo");
    fs::create_dir_all(&settings)?;
    fs::write(settings.join("config.toml"), format!("build.build-dir = {:?}\n", crates::build_directory()?))?;
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
    Ok(())
}

/// The right uses are modules of one program, which runs them: trybuild would build a program of each.
#[test]
fn their_twins_compile() -> Result {
    let program = crates::directory("twins")?;
    let (mut modules, mut calls) = (String::new(), String::new());
    for name in names("pass", "rs")? {
        let path = directory("pass").join(&name).with_extension("rs");
        writeln!(modules, "mod {name} {{ include!({path:?}); pub fn run() {{ main() }} }}")?;
        writeln!(calls, "{name}::run();")?;
    }
    fs::create_dir_all(program.join("src"))?;
    fs::write(program.join("src/main.rs"), format!("#![allow(unused)]\n{modules}fn main() {{\n{calls}}}\n"))?;
    let manifest = format!(
        "[package]\nname = \"twins\"\nedition = \"2024\"\n\n[dependencies]\nixgbe.path = {:?}\nixgbe-sim.path = {:?}\n\n\
         [workspace]\n",
        root(),
        root().join("sim")
    );
    fs::write(program.join("Cargo.toml"), manifest)?;
    let run = crates::cargo(&program, &["run"])?;
    assert!(run.status.success(), "right uses do not compile:\n{}", String::from_utf8_lossy(&run.stderr));
    Ok(())
}

#[test]
fn every_wrong_use_has_its_twin() -> Result {
    let (wrong, right) = (names("fail", "rs")?, names("pass", "rs")?);
    assert!(!wrong.is_empty(), "there is no case");
    assert_eq!(wrong, right, "fail/ and pass/ have different cases");
    assert_eq!(wrong, names("fail", "stderr")?, "fail/ has different cases and texts");
    Ok(())
}

#[test]
fn twins_differ_in_the_offending_tokens_alone() -> Result {
    let mut failures = String::new();
    for name in names("fail", "rs")? {
        let (wrong, right) = (code(&read("fail", &name, "rs")?), code(&read("pass", &name, "rs")?));
        if let Err(complaint) = differ_in_one_place(&wrong, &right) {
            let diff = TextDiff::from_lines(&wrong, &right);
            let header = (&*format!("fail/{name}.rs"), &*format!("pass/{name}.rs"));
            write!(failures, "{name}: {complaint}\n{}", diff.unified_diff().header(header.0, header.1))?;
        }
    }
    assert!(failures.is_empty(), "some cases and their twins differ in more than the mistake:\n{failures}");
    Ok(())
}

#[test]
fn errors_name_the_register_or_the_state() -> Result {
    let mut failures = String::new();
    for name in names("fail", "rs")? {
        let source = read("fail", &name, "rs")?;
        let Some(list) = source.lines().find_map(|line| line.strip_prefix("// error names: ")) else {
            writeln!(failures, "{name}: the line `// error names: ` is missing")?;
            continue;
        };
        let said = said(&read("fail", &name, "stderr")?);
        for word in list.split(", ").filter(|word| !words(&said).any(|said| said == *word)) {
            writeln!(failures, "{name}: the error does not name {word}")?;
        }
    }
    assert!(failures.is_empty(), "some errors say too little:\n{failures}");
    Ok(())
}

#[test]
fn one_mistake_gives_one_error() -> Result {
    let mut failures = String::new();
    for name in names("fail", "rs")? {
        let text = read("fail", &name, "stderr")?;
        let errors = text.lines().filter(|line| line.starts_with("error")).count();
        let allowed = if SECOND_ERROR.contains(&&*name) { 2 } else { 1 };
        if errors != allowed || text.lines().any(|line| line.starts_with("warning")) {
            writeln!(failures, "{name}: {errors} errors")?;
        }
    }
    assert!(failures.is_empty(), "some mistakes are not reported as one error:\n{failures}");
    Ok(())
}

/// An address is two registers, and neither may be written.
const SECOND_ERROR: &[&str] = &["head_write_back_address_written", "ring_address_written"];

fn directory(kind: &str) -> PathBuf {
    root().join("tests/ui").join(kind)
}

fn read(kind: &str, name: &str, extension: &str) -> Result<String> {
    let path = directory(kind).join(name).with_extension(extension);
    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// The names of the cases, without their extension.
fn names(kind: &str, extension: &str) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(directory(kind))? {
        let path = entry?.path();
        if path.extension().is_some_and(|own| own == extension) {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    Ok(names)
}

/// What the compiler sees: the lines that are no comment.
fn code(source: &str) -> String {
    source
        .lines()
        .skip_while(|line| line.starts_with("//") || line.is_empty())
        .map(|line| line.to_owned() + "\n")
        .collect()
}

/// What the compiler says of its own: no quoted line of the source, no path.
fn said(stderr: &str) -> String {
    let quoted = |line: &str| match line.split_once(" | ") {
        Some((number, _)) => number.trim().parse::<u32>().is_ok(),
        None => line.trim_start().starts_with("--> ") || line.trim_start().starts_with("::: "),
    };
    stderr.lines().filter(|line| !quoted(line)).map(|line| line.to_owned() + "\n").collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| letter != '_' && !letter.is_alphanumeric())
}

/// Identifiers and numbers as a whole, everything else letter by letter.
fn tokens(line: &str) -> Vec<&str> {
    let is_word = |letter: char| letter == '_' || letter.is_alphanumeric();
    let mut tokens = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = if is_word(first) { rest.find(|letter| !is_word(letter)) } else { Some(first.len_utf8()) };
        let (token, after) = rest.split_at(end.unwrap_or(rest.len()));
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

fn differ_in_one_place(wrong: &str, right: &str) -> std::result::Result<(), String> {
    let (wrong, right): (Vec<_>, Vec<_>) = (wrong.lines().collect(), right.lines().collect());
    if wrong.len() != right.len() {
        return Err(format!("{} lines of code and {}", wrong.len(), right.len()));
    }
    let lines: Vec<_> = wrong.iter().zip(&right).filter(|(wrong, right)| wrong != right).collect();
    let [(wrong, right)] = lines[..] else { return Err(format!("{} lines differ", lines.len())) };
    let (mut wrong, mut right) = (&*tokens(wrong), &*tokens(right));
    while let ([a, rest_wrong @ ..], [b, rest_right @ ..]) = (wrong, right)
        && a == b
    {
        (wrong, right) = (rest_wrong, rest_right);
    }
    while let ([rest_wrong @ .., a], [rest_right @ .., b]) = (wrong, right)
        && a == b
    {
        (wrong, right) = (rest_wrong, rest_right);
    }
    match wrong.len().max(right.len()) {
        0 => Err("they differ in spaces alone".to_owned()),
        count if count > MOST_TOKENS => Err(format!("they differ in {count} tokens")),
        _ => Ok(()),
    }
}
