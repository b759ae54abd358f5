//! What `check` accepts compiles: whatever cannot become code is a mistake with a place, and not an error of the compiler in code that
//! nobody wrote.
//!
//! A small map and an extension of it have everything that becomes a name or a number in Rust. One at a time, each becomes
//! something that is likely to go wrong: a keyword, a name that the prelude, the runtime or another part of the
//! map has, or a number at a limit. What is accepted is compiled, all of it as one crate, with the
//! crate `datasheet-runtime`.
//!
//! A run takes a share of them, the same in each. For all of them, in some minutes:
//!
//!     ACCEPTED=all cargo test -p datasheet-codegen --test accepted_code_compiles

#[path = "random_maps/compiler.rs"]
mod compiler;

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::thread;

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
  <Calm>: { kind: k, doc: Something runs slowly. }
write_in: [<Idle>]
registers:
  - name: <MODE>
    title: Mode
    section: "1"
    group: main
    offset: <at=0x0>
    aliases: [{ base: <alias=0x800> }]
    width: <bits=32>
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
  - name: <PICK>
    title: Pick
    section: "6"
    group: main
    offset: 0x700
    access: rw
    reset: 0
    fields:
      <WHICH>: { bits: "15:0" }
  - name: <SEEN>
    title: Seen
    section: "6"
    group: main
    offset: 0x704
    access: rw
    reset: 0
  - name: <TALK>
    title: Talk
    section: "7"
    group: main
    offset: 0x708
    access: rw
    reset: 0
    fields:
      <WHERE>: { bits: "7:0" }
      <GO>: { bits: "8" }
      <OVER>: { bits: "31", access: ro }
  - name: <SAID>
    title: Said
    section: "7"
    group: main
    offset: 0x70C
    access: rw
    reset: 0
  - name: <LAMP_C>
    title: One half of a pair that an extension adds
    section: "8"
    group: main
    offset: 0x710
    access: rw
    reset: 0
    write_in: [<Calm>]
pairs: [{ name: <BOTH>, low: <LOW>, high: <HIGH>, order: either }]
windows:
  - { name: <Shown>, select: <PICK>.<WHICH>, count: <shown=4>, registers: [<SEEN>] }
  - { name: <Told>, select: <TALK>.<WHERE>, index: <Lane>, registers: [<SAID>], commands: { read: { <GO>: <go=1> }, done: { <OVER>: <over=1> } } }
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
  - name: <Header>
    format: structure
    title: A header
    section: "5"
    bits: 16
    tail: <tail=16>
    byte_order: big
    fields:
      <SIZE_OF>: { bits: "15:0", range: [<few=1>, <many=9>] }
      <SORT>: { bits: "23:16", values: { <Text>: <text=1> } }
      <MARK>: { bits: "31:24" }
"#;

const EXTENSION: &str = r#"
extension: <Acme>
extends: Demo
indices: { <Led>: { count: 2, doc: A lamp. } }
permissions:
  <Dark>: { kind: k, doc: No lamp is on., implies: [<Calm>] }
registers:
  - name: <LAMP>
    title: Lamp
    section: "1"
    group: main
    array: { index: <Led>, ranges: [{ count: 2, base: <lamp=0xA00>, stride: <lamps=4> }] }
    width: <shine=32>
    access: rw
    reset: 0
    fields:
      <COLOUR>: { bits: "1:0", values: { <Red>: 0 } }
  - name: <LAMP_B>
    title: The other half of a lamp
    section: "1"
    group: main
    array: { index: <Led>, ranges: [{ count: 2, base: <lamp_b=0xA20>, stride: 4 }] }
    width: <shine_b=32>
    access: rw
    reset: 0
    write_in: [<Dark>]
additions:
  <MODE>:
    memory_safety: true
    fields:
      <FAN>: { bits: "16" }
      <TONE>: { bits: "18:17", values: { <Deep>: 1 } }
    values:
      <SPEED>: { <Ludicrous>: <ludicrous=3> }
pairs: [{ name: <LAMPS>, low: <LAMP>, high: <LAMP_B>, order: high_first }, { name: <SELVES>, low: <LAMP_C>, high: <MODE>, order: either }]
descriptors:
  - name: <Log>
    format: memory
    title: An entry of the log
    section: "5"
    bits: 64
    fields:
      <TIME>: { bits: "31:0", range: [<early=1>, <late=9>] }
      <WHAT>: { bits: "63:32", values: { <Start>: <start=0> } }
descriptor_additions:
  <Packet>Read:
    fields:
      <TRACE>: { bits: "80" }
      <SLOT>: { bits: "95:90", memory_safety: true }
      <HOW>: { bits: "98:97", values: { <Quick>: <quick=1> } }
    values:
      <FORM>: { <Loud>: <loud=1> }
"#;

/// Words that mean something in Rust, in its prelude, or in the runtime.
const WORDS: &str = "
    Self abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen if impl in
    let loop macro match mod move mut override priv pub ref return self static struct super trait true try type typeof union
    unsafe unsized use virtual where while yield auto default macro_rules raw safe
    Option Some None Result Ok Err Copy Clone Debug Default Drop Eq PartialEq Ord PartialOrd Hash Send Sync Sized Unpin Fn FnMut
    FnOnce From Into Iterator Vec String Box ToString ToOwned u8 u16 u32 u64 u128 i32 usize isize bool char str f64
    core std alloc prelude derive repr allow doc inline diagnostic include
    AccessKind Added Address AnyRegister Array Bank Below BigEndian Bits Bus CommandInfo Contents Descriptor
    DescriptorFormat DescriptorInfo DmaAddr Doorbell Driver DriverOnly Enumerated Enumeration Exclusive FieldInfo
    Fixed Flag FullValue Index IndexSpace Layout LittleEndian Offset OneToClear OneToSet Pair PlainWrite Commanded
    PureRead Range RawWrite ReachedDirectly ReadOnly ReadCommand ReadToClear ReadToSet ReadWrite Reg Register RegisterInfo
    RegisterLongName RegisterSpace Registers Resettable SelfClearing SideEffectRead Space Value ValueOf View Width
    Window WindowInfo Windows WritableIn WriteBack WriteOneToClear WriteOneToSet WriteOnly WriteCommand ZeroToClear Structure Tail
    A B C D E F H K L N P R S T a b n p r
    added assume_permission permission permit by_address by_name by_group field info space array address register
    registers descriptors datasheet_runtime register_long_name access runtime bus index raw Rw Ro NAME SECTION
    WRITABLE INFO PRESERVE_MASK FORCED_ONES RESET_VALUE SIZE ELEMENTS ALIGNMENT COUNT OFFSET ARRAY FIXED DONE LSB
    WIDTH REGISTERS SELECTOR DATA READ WRITE DESCRIPTORS EMPTY new at constant ranged high_first from_bits to_bits
    clone fmt offset read write modify values first count select window windows
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
    // The compiler uses one processor, so that two compilers take half the time.
    let (first, second) = accepted.split_at(accepted.len() / 2);
    let failures = thread::scope(|scope| {
        let second = scope.spawn(|| compile_all(&directory.join("second"), second));
        let mut failures = compile_all(&directory.join("first"), first);
        failures.extend(second.join().map_err(|_| "the second half panics")?);
        Ok::<_, Box<dyn Error>>(failures)
    })?;
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
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
            let others = ["Space", "Read", "Window", "Registers", "_"].map(|end| format!("{name}{end}"));
            let others = others.into_iter().chain([format!("Acme{name}")]);
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
    // Then what is added must end where the registers of the map do.
    for at in ["0xA00", "0x700"] {
        let (map, extension) = (plain(MAP).replace("size: 0x1000\n", ""), plain(EXTENSION).replace("0xA00", at));
        all.push((format!("no size is given, and the extension is at {at}"), map, extension));
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

/// Compiles as many cases at a time as memory has room for, and returns what the compiler says of each that fails.
fn compile_all(directory: &Path, cases: &[(String, String, String)]) -> Vec<String> {
    let parts = cases.chunks(150).enumerate();
    parts.filter_map(|(at, cases)| Some(compile(&directory.join(at.to_string()), cases).err()?.to_string())).collect()
}

/// Generates code for each case and compiles them all.
fn compile(directory: &Path, cases: &[(String, String, String)]) -> Result {
    fs::create_dir_all(directory)?;
    compiler::runtime(directory)?;
    let mut source = "#![allow(dead_code, non_snake_case, unused_imports)]\n".to_owned();
    for (number, (what, map, extension)) in cases.iter().enumerate() {
        let place = directory.join(format!("case{number}"));
        let (base, added) = (place.join("map.yaml"), place.join("extension.yaml"));
        fs::create_dir_all(&place)?;
        fs::write(&base, map)?;
        fs::write(&added, extension)?;
        let root = format!("crate::case{number}");
        Generator::new(&base).emit_to(&place)?;
        Generator::extending(&base, &added).crate_path(&root).emit_to(place.join("extension"))?;
        let block = fs::read_dir(&place)?.filter_map(|file| file.ok()?.file_name().into_string().ok());
        let block = block.filter_map(|file| Some(file.strip_prefix("registers_")?.strip_suffix(".rs")?.to_owned()));
        let block = block.last().ok_or("no code for the block")?;
        // As in `ixgbe`, but that the block's module has a name of its own: what the block is called may be no word for it.
        write!(
            source,
            "/// {what}.
mod case{number} {{
    pub use ::datasheet_runtime as runtime;
    pub mod registers {{
        include!(\"case{number}/registers.rs\");
        pub mod the_block {{
            include!(\"case{number}/registers_{block}.rs\");
        }}
    }}
    pub mod descriptors {{
        include!(\"case{number}/descriptors.rs\");
    }}
    pub mod extension {{
        include!(\"case{number}/extension/registers.rs\");
        pub mod descriptors {{
            include!(\"case{number}/extension/descriptors.rs\");
        }}
    }}
}}
"
        )?;
    }
    fs::write(directory.join("lib.rs"), source)?;
    rustc(directory)
}

fn rustc(directory: &Path) -> Result {
    let library = directory.join("lib.rs");
    let mut compiler = compiler::compiler(directory);
    compiler.args(["--crate-type=lib", "--emit=metadata", "--out-dir"]).args([directory, &library]);
    compiler::output(&mut compiler).map(drop).map_err(|error| format!("accepted code does not compile: {error}").into())
}
