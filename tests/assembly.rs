//! A typed access is the same instructions as the volatile access that one would write by hand, and the data path does
//! nothing for a packet that it need not.
//!
//! What a program does not use of the map is not in it either.
//!
//! `assembly/accesses.rs` has the pairs: what `typed_NAME` and `raw_NAME` became is compared here; and `forward`, which is
//! the data path in place.

// What is a load and what a store is told apart by the words of this architecture.
#![cfg(target_arch = "x86_64")]

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use similar::TextDiff;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// A pair, and how often each of the two reads and writes memory: so that nothing that was optimised away is
/// found equal to nothing.
struct Pair {
    name: &'static str,
    loads: usize,
    stores: usize,
}

const PAIRS: &[Pair] = &[
    Pair { name: "read", loads: 1, stores: 0 },
    Pair { name: "write", loads: 0, stores: 1 },
    Pair { name: "modify", loads: 1, stores: 1 },
    Pair { name: "modify_at_run_time", loads: 1, stores: 1 },
    Pair { name: "named_value_at_run_time", loads: 1, stores: 1 },
    Pair { name: "indexed", loads: 0, stores: 1 },
    Pair { name: "doorbell", loads: 0, stores: 3 },
];

#[test]
fn typed_accesses_cost_what_raw_ones_do() -> Result {
    let functions = functions(accesses()?);
    let mut failures = String::new();
    for Pair { name, loads, stores } in PAIRS {
        let [typed, raw] = [format!("typed_{name}"), format!("raw_{name}")].map(|name| {
            let body = functions.get(&name).ok_or(format!("there is no function {name}"))?;
            Ok::<_, String>((name, body.join("\n") + "\n"))
        });
        let ((typed_name, typed), (raw_name, raw)) = (typed?, raw?);
        for (name, body) in [(&typed_name, &typed), (&raw_name, &raw)] {
            let (read, wrote) =
                (body.lines().filter(|line| loads_memory(line)), body.lines().filter(|line| stores_memory(line)));
            let counted = (read.count(), wrote.count());
            if counted != (*loads, *stores) {
                failures += &format!("{name} has {counted:?} loads and stores, not {:?}:\n{body}\n", (loads, stores));
            }
        }
        if typed != raw {
            let diff = TextDiff::from_lines(&raw, &typed);
            failures += &diff.unified_diff().context_radius(100).header(&raw_name, &typed_name).to_string();
        }
    }
    assert!(failures.is_empty(), "typed accesses are not what one would write by hand:\n{failures}");
    Ok(())
}

/// What the barrier of a doorbell becomes: an empty block of assembly.
const BARRIER: [&str; 2] = ["#APP", "#NO_APP"];

/// Each doorbell is rung after all writes to descriptors, which stand before its barrier: the compiler moves none across.
/// Between the barrier and the tail's register nothing is stored, and no descriptor, which has 64 bits a word, is.
#[test]
fn doorbells_are_the_next_store_after_their_barrier() -> Result {
    let mut doorbells = 0;
    for assembly in [&*library()?.assembly, accesses()?] {
        let lines: Vec<_> = assembly.lines().map(str::trim).collect();
        let ends = lines.iter().enumerate().filter(|(_, line)| **line == BARRIER[1]).map(|(at, _)| at);
        for end in ends {
            let before =
                lines[..end].iter().rposition(|line| *line == BARRIER[0]).ok_or("a block without a beginning")?;
            let inside = lines[before + 1..end].iter().filter(|line| !line.is_empty());
            assert_eq!(inside.count(), 0, "assembly that is no barrier");
            let next = lines[end..].iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
            // What ends the search without a store: a branch may have been taken.
            let ends =
                |line: &str| line.ends_with(':') || ["j", "ret", "call"].iter().any(|word| line.starts_with(word));
            let next = next.skip(1).find(|line| stores_memory(line) || ends(line));
            let next = next.ok_or("nothing follows the barrier")?;
            assert!(next.starts_with("mov dword ptr [") && stores_memory(&next), "after a barrier comes: {next}");
            doorbells += 1;
        }
    }
    // Of both kinds of queues, in the library and in what it is compiled into.
    assert!(doorbells >= 6, "{doorbells} doorbells");
    println!("{doorbells} doorbells");
    Ok(())
}

/// Pairs in which the compiler orders the same instructions otherwise.
const PAIRS_IN_ANY_ORDER: &[&str] = &["number_at_run_time", "descriptor_at_run_time"];

/// A value is cut to the bits that software may set. Where the compiler does not know that it has no others, that is an AND.
#[test]
fn values_known_at_run_time_cost_one_and_at_most() -> Result {
    let functions = functions(accesses()?);
    for name in PAIRS_IN_ANY_ORDER {
        let counts = |kind: &str| {
            let body = functions.get(&format!("{kind}_{name}")).ok_or(format!("there is no function {kind}_{name}"))?;
            let mut counts: HashMap<String, usize> = HashMap::new();
            for line in body {
                // "Above 65535" and "not below 65536" are the same.
                let word = line.split(' ').next().unwrap_or_default().replace("jae", "ja");
                *counts.entry(word).or_default() += 1;
            }
            Ok::<_, String>(counts)
        };
        let (mut typed, mut raw) = (counts("typed")?, counts("raw")?);
        let ands = [&mut typed, &mut raw].map(|counts| counts.remove("and").unwrap_or(0));
        assert_eq!(typed, raw, "{name}: the typed access has other instructions");
        assert!(ands[0] <= ands[1] + 1, "{name}: the typed access has {} ANDs, the raw one {}", ands[0], ands[1]);
    }
    Ok(())
}

/// The functions that packets pass through, by a part of their names. They are in the library, or compiled into a
/// caller's code, which is in `assembly/accesses.rs`.
const PER_PACKET: &[&str] = &[
    "post_many",
    "post_few",
    "post_rest",
    "post_segments",
    "post_requested",
    "post_groups",
    "forward_a_batch",
    "forward_with_offloads",
    "forward_in_place",
    "forward_to_several",
    "receive_many",
    "receive_few",
    "receive_more",
];

/// What they may call: what is done once for many packets, or for a packet that is unusual.
const SOMETIMES: &[&str] = &[
    // Another run of many.
    "receive_many",
    "receive_few",
    "receive_more",
    "post_many",
    "post_few",
    "post_rest",
    "post_scattered",
    "post_requested",
    "post_groups",
    // Buffers that come and go together.
    "refill",
    "pool_was_empty",
    "reclaim",
    "make_room",
    "look_ahead",
    "announce_after",
    "7Reports4push",
    "report_runs",
    "in_place7prepare",
    // A packet of another pool, of several segments, or with moved data; or one that needs another context.
    "post_segments",
    "post_any",
    "report_here",
    "set_context",
    "$GT$9source_of",
    "$GT$6select",
    // What has no room moves to the front of the batch.
    "memmove",
    "push_frames",
    "give_back_noted",
    "segment",
    // A packet that cannot be sent leaves the batch, and here the caller drops it.
    "take_refused",
    "packet..Packet$u20$as$u20$core..ops..drop..Drop",
    // A packet that is dropped in place, or goes to several outputs.
    "drop_front",
    "send_apart",
    "forward_to_several",
    "_Unwind_Resume",
    "panic_in_cleanup",
];

#[test]
fn the_data_path_checks_no_bounds_and_counts_no_references() -> Result {
    let (library, callers) = (functions(&library()?.assembly), functions(accesses()?));
    for name in PER_PACKET {
        let functions = library.iter().chain(&callers);
        let found: Vec<_> = functions.filter(|(function, _)| function.contains(name)).collect();
        assert!(!found.is_empty(), "there is no function {name}");
        for (function, body) in found {
            let calls = body.iter().filter(|line| line.starts_with("call") || line.starts_with("jmp _"));
            let others: Vec<_> = calls.filter(|call| !SOMETIMES.iter().any(|known| call.contains(known))).collect();
            // A call by register is one of those above, loaded before a loop.
            let others: Vec<_> = others.into_iter().filter(|call| call.contains(['_', '['])).collect();
            assert!(others.is_empty(), "{function} may panic, allocate, or else: {others:?}");
            // The one byte that is locked is the pool's, for many buffers at a time.
            let locked = body.iter().filter(|line| line.starts_with("lock") && !line.contains("cmpxchg byte ptr"));
            let locked: Vec<_> = locked.collect();
            assert!(locked.is_empty(), "{function} counts or locks something: {locked:?}");
        }
    }
    Ok(())
}

#[test]
fn a_program_has_nothing_of_the_map_that_it_does_not_use() -> Result {
    let library = library()?;
    let [typed, raw, table] = [&[][..], &["--cfg=raw"], &["--cfg=table"]].map(|flags| ten_registers(library, flags));
    let (typed, raw, table) = (typed?, raw?, table?);
    println!("ten registers by the map: {typed} bytes, by offsets: {raw} bytes, with the table of all: {table} bytes");
    // One offset that is put together at run time, or a literal that stands twice, and not one register more.
    assert!(typed.abs_diff(raw) <= 64, "by the map it has {typed} bytes, without it {raw}");
    // What would be seen if it were there.
    assert!(table > typed + 50_000, "with the table of all registers it has {table} bytes, without it {typed}");
    Ok(())
}

/// How much of `assembly/ten_registers.rs` is loaded into memory, compiled as a release is, with some flags.
fn ten_registers(library: &Library, flags: &[&str]) -> Result<u64> {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ten_registers{}", flags.concat()));
    let mut compiler = library.compiler("tests/assembly/ten_registers.rs", &program);
    let output = compiler.args(["--crate-type=bin", "-Copt-level=3"]).args(flags).output()?;
    if !output.status.success() {
        return Err(format!("the program does not compile:\n{}", String::from_utf8_lossy(&output.stderr)).into());
    }
    loaded(&fs::read(program)?).ok_or("the program is no ELF file of 64 bits".into())
}

/// The bytes of all sections of an ELF file that are loaded.
fn loaded(elf: &[u8]) -> Option<u64> {
    let word = |at: usize| Some(u64::from_le_bytes(*elf.get(at..)?.first_chunk()?));
    let half = |at: usize| Some(usize::from(u16::from_le_bytes(*elf.get(at..)?.first_chunk()?)));
    let (start, size, count) = (word(0x28)? as usize, half(0x3a)?, half(0x3c)?);
    let sections = (0..count).map(|section| {
        let header = start + section * size;
        let is_loaded = word(header + 8)? & 2 != 0;
        Some(if is_loaded { word(header + 0x20)? } else { 0 })
    });
    sections.sum()
}

/// The library, compiled as a release is.
struct Library {
    rlib: PathBuf,
    assembly: String,
}

impl Library {
    /// A compiler that makes `to` of `source`, which uses the library.
    fn compiler(&self, source: &str, to: &Path) -> Command {
        let mut compiler = quiet(Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into())));
        compiler.args(["--edition=2024", source]).args(FLAGS);
        let dependencies = self.rlib.with_file_name("deps");
        compiler.arg("-L").arg(format!("dependency={}", dependencies.display()));
        compiler.arg(format!("--extern=ixgbe={}", self.rlib.display())).arg("-o").arg(to);
        compiler
    }
}

/// What a compilation made, which all tests share, or why it failed.
type Shared<T> = OnceLock<std::result::Result<T, String>>;

/// Returns what `compile` made, which the first test runs.
fn once<T>(shared: &'static Shared<T>, compile: fn() -> Result<T>) -> Result<&'static T> {
    let made = shared.get_or_init(|| compile().map_err(|error| error.to_string()));
    Ok(made.as_ref().map_err(String::as_str)?)
}

/// Returns the library, without what only tests need.
fn library() -> Result<&'static Library> {
    static LIBRARY: Shared<Library> = Shared::new();
    once(&LIBRARY, || {
        // That of the cargo that runs this test, so that what other releases need is built once.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().ok_or("a target directory without a parent")?;
        let assembly = target.join("release/ixgbe.s");
        let output = quiet(Command::new(env!("CARGO")))
            .args(["rustc", "--lib", "--release", "--offline", "--message-format=json", "--target-dir"])
            .arg(target)
            .arg("--")
            .args(FLAGS)
            .arg(format!("--emit=asm={}", assembly.display()))
            .output()?;
        if !output.status.success() {
            return Err(format!("the library does not compile:\n{}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let messages = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<serde_json::Value>();
        let rlib = messages
            .filter_map(|message| {
                let message = message.ok().filter(|message| message["target"]["name"] == "ixgbe")?;
                let files = message["filenames"].as_array()?.iter().filter_map(|file| file.as_str());
                files.map(PathBuf::from).find(|file| file.extension().is_some_and(|extension| extension == "rlib"))
            })
            .last()
            .ok_or("cargo does not say where the library is")?;
        Ok(Library { rlib, assembly: fs::read_to_string(assembly)? })
    })
}

/// Returns the assembly of the pairs, compiled as a release does.
fn accesses() -> Result<&'static str> {
    static ACCESSES: Shared<String> = Shared::new();
    let accesses = once(&ACCESSES, || {
        let library = library()?;
        let assembly = Path::new(env!("CARGO_TARGET_TMPDIR")).join("accesses.s");
        let mut compiler = library.compiler("tests/assembly/accesses.rs", &assembly);
        let output = compiler.args(["--crate-type=lib", "--emit=asm", "-Copt-level=3"]).output()?;
        if !output.status.success() {
            return Err(format!("the accesses do not compile:\n{}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(fs::read_to_string(assembly)?)
    });
    Ok(accesses?)
}

const FLAGS: [&str; 3] = ["-Ccodegen-units=1", "-Cdebuginfo=0", "-Cllvm-args=-x86-asm-syntax=intel"];

/// Flags for this test, such as those that count coverage, are not for what it looks at.
fn quiet(mut command: Command) -> Command {
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    command
}

/// The instructions of each function, by its name.
fn functions(assembly: &str) -> HashMap<String, Vec<String>> {
    let mut functions: HashMap<String, Vec<String>> = HashMap::new();
    let mut aliases = Vec::new();
    let mut current = None;
    for line in assembly.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
        if let Some((alias, name)) = line.strip_prefix(".set ").and_then(|set| set.split_once(',')) {
            // Two functions that are the same to the compiler become one with two names.
            aliases.push((alias.trim().to_owned(), name.trim().to_owned()));
        } else if let Some(label) = line.strip_suffix(':') {
            if !label.starts_with(".L") {
                functions.entry(label.to_owned()).or_default();
                current = Some(label.to_owned());
            }
        } else if line.starts_with(".cfi_endproc") {
            current = None;
        } else if !line.is_empty()
            && !line.starts_with('.')
            && let Some(name) = &current
        {
            let body = functions.entry(name.clone()).or_default();
            body.push(line.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    for (alias, name) in aliases {
        if let Some(body) = functions.get(&name).cloned() {
            functions.insert(alias, body);
        }
    }
    functions
}

/// An instruction's destination and source, if it has both.
fn operands(line: &str) -> Option<(&str, &str)> {
    line.split_once(' ').and_then(|(_, operands)| operands.split_once(", "))
}

fn is_memory(operand: &str) -> bool {
    operand.contains("ptr [")
}

fn stores_memory(line: &str) -> bool {
    operands(line).is_some_and(|(to, _)| is_memory(to)) && !line.starts_with("cmp") && !line.starts_with("test")
}

fn loads_memory(line: &str) -> bool {
    operands(line).is_some_and(|(_, from)| is_memory(from))
}
