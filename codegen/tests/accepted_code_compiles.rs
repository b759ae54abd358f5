//! What `check` accepts compiles: whatever cannot become code is a mistake with a place, and not an error of the compiler in code that
//! nobody wrote.
//!
//! A small map and an extension of it have everything that becomes a name or a number in Rust. One at a time, each becomes
//! something that is likely to go wrong: a keyword, a name that the prelude, the runtime or another part of the
//! map has, or a number at a limit. What is accepted is compiled, all of it as one crate, with the runtime of `random_maps`.
//!
//! A run takes a share of them, the same in each. For all of them, in some minutes:
//!
//!     ACCEPTED=all cargo test -p datasheet-codegen --test accepted_code_compiles

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use datasheet_codegen::Generator;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// A map with one of everything. What stands between `<` and `>` is changed, wherever it stands; after a `=`, a number.
const MAP: &str = r#"
chip: Demo
title: A chip
datasheet: { document: "1", revision: "1" }
size: <size=0x1000>
groups: { main: Main }
blocks: { <side>: { title: Another block } }
indices: { <Lane>: { count: <lanes=4>, doc: A lane. } }
permissions:
  <Idle>: { kind: k, doc: Nothing runs. }
  <Busy>: { kind: k, doc: Something runs., implies: [<Idle>] }
write_in: [<Idle>]
registers:
  - name: <MODE>
    title: Mode
    section: "1"
    group: main
    offset: <at=0x0>
    aliases: [{ base: <alias=0x800> }]
    access: rw
    reset: <reset=0x21>
    reset_known: <known=0xFFFFFFFF>
    required_values: { <MUST>: <must=1> }
    fields:
      <SPEED>: { bits: "3:0", values: { <Slow>: <slow=1>, <Fast>: 2 }, other_names: [<RATE>] }
      <SIZE>: { bits: "11:4", range: [<least=1>, <greatest=8>] }
      <WORK>: { bits: "12" }
      <MUST>: { bits: "15:14" }
  - name: <RING>
    title: Ring
    section: "2"
    group: main
    array: { index: <Lane>, ranges: [{ count: <count=3>, base: <base=0x100>, stride: <stride=0x40> }, { count: 1, base: 0x400, stride: <lone=0x40> }] }
    access: rw
    reset: unknown
    memory_safety: true
  - name: <LOW>
    title: Low
    section: "3"
    group: main
    array: { ranges: [{ count: <lows=2>, base: 0x500, stride: 4 }] }
    width: <width=32>
    access: rc
    reset: 0
  - name: <HIGH>
    title: High
    section: "3"
    group: main
    array: { ranges: [{ count: 2, base: 0x600, stride: 4 }] }
    access: rc
    reset: 0
  - name: <ASIDE>
    title: Aside
    section: "4"
    group: main
    block: <side>
    offset: 0x10
    access: rw
    reset: 0
    fields:
      <KIND>: { bits: "0", values: { <One>: 1 } }
pairs: [{ name: <BOTH>, low: <LOW>, high: <HIGH>, order: either }]
descriptors:
  - name: <Packet>
    format: read
    title: A packet
    section: "5"
    bits: 128
    reserved: ["95:80", "127:97"]
    fields:
      <BUFFER>: { bits: "63:0", memory_safety: true }
      <LENGTH>: { bits: "79:64", range: [<shortest=1>, <longest=9>] }
      <FORM>: { bits: "96", values: { <Plain>: <plain=0> } }
"#;

const EXTENSION: &str = r#"
extension: <Acme>
extends: Demo
indices: { <Led>: { count: 2, doc: A lamp. } }
registers:
  - name: <LAMP>
    title: Lamp
    section: "1"
    group: main
    array: { index: <Led>, ranges: [{ count: 2, base: <lamp=0xA00>, stride: 4 }] }
    access: rw
    reset: 0
    fields:
      <COLOUR>: { bits: "1:0", values: { <Red>: 0 } }
additions:
  <MODE>:
    memory_safety: true
    fields:
      <FAN>: { bits: "16" }
      <TONE>: { bits: "18:17", values: { <Deep>: 1 } }
    values:
      <SPEED>: { <Ludicrous>: <ludicrous=3> }
"#;

/// Words that mean something in Rust, in its prelude, or in the runtime.
const WORDS: &str = "
    Self abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen if impl in
    let loop macro match mod move mut override priv pub ref return self static struct super trait true try type typeof union
    unsafe unsized use virtual where while yield auto default macro_rules raw safe
    Option Some None Result Ok Err Copy Clone Debug Default Drop Eq PartialEq Ord PartialOrd Hash Send Sync Sized Unpin Fn FnMut
    FnOnce From Into Iterator Vec String Box ToString ToOwned u8 u16 u32 u64 u128 i32 usize isize bool char str f64
    core std alloc prelude derive repr allow doc inline diagnostic include
    AccessKind Address Array RawWrite Below Bits Bus Descriptor DescriptorInfo Doorbell Driver Enumerated Enumeration Exclusive
    FieldInfo Fixed Flag DriverOnly Index IndexSpace Resettable Layout Offset WriteOneToClear WriteOneToSet Pair PlainWrite Range
    SideEffectRead ReadToClear ReadOnly PureRead ReadToSet ReadWrite Reg Register RegisterInfo RegisterLongName Registers
    SelfClearing ValueOf WritableIn WriteBack OneToClear OneToSet WriteOnly AnyRegister
    A B C D E F H K L N P R S T a b n p r
    added assume with_permission permission permit by_address by_name by_group field info mmio register registers descriptors
    access runtime bus index raw Rw Ro NAME SECTION WRITABLE KEEP ONES RESET WIDTH COUNT OFFSET ARRAY FIXED DONE LSB REGISTERS
    DESCRIPTORS EMPTY new at constant ranged high_first from_bits to_bits clone fmt offset read write modify values first count
";

const NUMBERS: &[u64] = &[
    0,
    1,
    2,
    3,
    4,
    5,
    8,
    15,
    16,
    24,
    31,
    32,
    33,
    64,
    0x100,
    0xFFC,
    0xFFE,
    0xFFF,
    0x1000,
    0xFFFF,
    0x1_0000,
    0x10_0000,
    0x7FFF_FFFF,
    0xFFFF_FFFC,
    0xFFFF_FFFF,
    0x1_0000_0000,
    1 << 63,
    u64::MAX,
];

/// How many changes are tried, unless all are.
const SHARE: usize = 250;

#[test]
fn what_is_accepted_compiles() -> Result {
    let all = std::env::var("ACCEPTED").is_ok_and(|wanted| wanted == "all");
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("accepted_code_compiles");
    // What an older run left behind may be of other maps.
    let _ = fs::remove_dir_all(&directory);
    let (mut accepted, mut refused) = (Vec::new(), 0);
    let changed = changed();
    // Neighbours are alike, so that a share goes through all.
    let step = if all { 1 } else { changed.len() / SHARE };
    for (what, map, extension) in changed.into_iter().step_by(step) {
        let source = |name, text: &str| datasheet_codegen::source::Source::new(name, text);
        match datasheet_codegen::read_extension(source("map.yaml", &map), source("extension.yaml", &extension)) {
            Ok(_) => accepted.push((what, map, extension)),
            Err(_) => refused += 1,
        }
    }
    assert!(accepted.len() > SHARE / 2 && refused > SHARE / 20, "{} accepted, {refused} refused", accepted.len());
    for (number, cases) in accepted.chunks(300).enumerate() {
        compile(&directory.join(number.to_string()), cases)?;
    }
    Ok(())
}

#[test]
fn what_does_not_compile_is_noticed() -> Result {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("accepted_code_does_not_compile");
    let _ = fs::remove_dir_all(&directory);
    let case = ("nothing is changed".to_owned(), plain(MAP), plain(EXTENSION));
    compile(&directory, &[case])?;
    // The same with a name that the check would not let through.
    let registers = directory.join("case0/registers.rs");
    fs::write(&registers, fs::read_to_string(&registers)?.replace("pub enum MODE", "pub enum RING"))?;
    assert!(rustc(&directory).is_err(), "a type is there twice and compiles");
    Ok(())
}

/// Every change of one thing: what it is, the map and the extension.
fn changed() -> Vec<(String, String, String)> {
    let mut marks = Vec::new();
    for text in [MAP, EXTENSION] {
        for mark in text.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(mark, _)| mark) {
            if !marks.contains(&mark) {
                marks.push(mark);
            }
        }
    }
    let names = marks.iter().filter(|mark| !mark.contains('=')).map(|mark| (*mark).to_owned());
    // The map's own names, as they are and as they become.
    let own: Vec<_> = names
        .flat_map(|name| {
            let (lower, upper) = (name.to_lowercase(), name.to_uppercase());
            let others = [format!("{name}Space"), format!("Acme{name}"), format!("{name}Read"), format!("{name}_")];
            [name, lower, upper].into_iter().chain(others)
        })
        .collect();
    let words: BTreeSet<_> = WORDS.split_whitespace().map(str::to_owned).chain(own).collect();
    let mut all = Vec::new();
    for mark in &marks {
        let others: Vec<String> = match mark.contains('=') {
            true => NUMBERS.iter().map(|number| format!("{number:#x}")).collect(),
            false => words.iter().cloned().collect(),
        };
        for other in others {
            let [map, extension] = [MAP, EXTENSION].map(|text| plain(&text.replace(&format!("<{mark}>"), &other)));
            all.push((format!("{mark} becomes {other}"), map, extension));
        }
    }
    all
}

/// The text without its marks.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, mark)) = rest.split_once('<') {
        let (mark, after) = mark.split_once('>').unwrap_or((mark, ""));
        plain += before;
        plain += mark.split_once('=').map_or(mark, |(_, number)| number);
        rest = after;
    }
    plain + rest
}

/// Generates code for each case and compiles them all.
fn compile(directory: &Path, cases: &[(String, String, String)]) -> Result {
    fs::create_dir_all(directory)?;
    fs::write(directory.join("runtime.rs"), include_str!("random_maps/runtime.rs"))?;
    let mut source =
        "#![allow(dead_code, non_snake_case, unused_imports, unused_macros)]\n#[macro_use]\nmod runtime;\n".to_owned();
    for (number, (what, map, extension)) in cases.iter().enumerate() {
        let place = directory.join(format!("case{number}"));
        let (base, added) = (place.join("map.yaml"), place.join("extension.yaml"));
        fs::create_dir_all(&place)?;
        fs::write(&base, map)?;
        fs::write(&added, extension)?;
        let root = format!("crate::case{number}");
        Generator::new(&base).crate_path(&root).emit_to(&place)?;
        Generator::extending(&base, &added).crate_path(&root).emit_to(place.join("extension"))?;
        let block = fs::read_dir(&place)?.filter_map(|file| file.ok()?.file_name().into_string().ok());
        let block = block.filter_map(|file| Some(file.strip_prefix("registers_")?.strip_suffix(".rs")?.to_owned()));
        let block = block.last().ok_or("no code for the block")?;
        // As in `ixgbe`, but that the block's module has a name of its own: what the block is called may be no word for it.
        write!(
            source,
            "/// {what}.
mod case{number} {{
    pub use crate::runtime::{{field, info, mmio, register}};
    pub mod registers {{
        registers!();
        impl<'a, B: crate::runtime::mmio::Bus, P> Registers<'a, B, P> {{
            pub const unsafe fn added<R: crate::runtime::register::Register>(
                self,
                offset: crate::runtime::mmio::Offset,
            ) -> crate::runtime::register::Reg<'a, B, R, P> {{
                crate::runtime::register::Reg::at(self.bus, offset)
            }}
        }}
        include!(\"case{number}/registers.rs\");
        pub mod the_block {{
            registers!();
            include!(\"case{number}/registers_{block}.rs\");
        }}
    }}
    pub mod descriptors {{
        pub unsafe trait Descriptor: super::field::Layout {{
            const SECTION: &'static str;
            const FIXED: [u64; 2];
        }}
        include!(\"case{number}/descriptors.rs\");
    }}
    pub mod extension {{
        include!(\"case{number}/extension/registers.rs\");
    }}
}}
"
        )?;
    }
    fs::write(directory.join("lib.rs"), source)?;
    rustc(directory)
}

fn rustc(directory: &Path) -> Result {
    let compiler = std::env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from);
    let library = directory.join("lib.rs");
    let output = Command::new(compiler)
        .args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--out-dir"])
        .args([directory, &library])
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    let errors: Vec<_> = told.split("\n\n").filter(|part| part.starts_with("error")).take(12).collect();
    Err(format!("accepted code in {} does not compile:\n{}", directory.display(), errors.join("\n\n")).into())
}
