//! Files that cannot be converted, and what the warnings say of those that can.

use super::{Result, converted};

/// Returns a device with one peripheral, which has these registers.
pub fn device(registers: &str) -> String {
    let peripheral = format!(
        "<peripheral><name>P0</name><baseAddress>0</baseAddress><registers>{registers}</registers></peripheral>"
    );
    peripherals(&peripheral)
}

fn peripherals(peripherals: &str) -> String {
    format!("<device><name>D</name><size>32</size><peripherals>{peripherals}</peripherals></device>")
}

fn register(inside: &str) -> String {
    device(&format!("<register><name>A</name><addressOffset>0</addressOffset>{inside}</register>"))
}

fn field(inside: &str) -> String {
    register(&format!("<fields><field><name>F</name><bitRange>[3:0]</bitRange>{inside}</field></fields>"))
}

/// Returns a register with another name, and with what else it has.
fn named(name: &str, attribute: &str, inside: &str) -> String {
    format!("<register {attribute}><name>{name}</name><addressOffset>0</addressOffset>{inside}</register>")
}

fn cluster(name: &str, attribute: &str, inside: &str) -> String {
    format!("<cluster {attribute}><name>{name}</name><addressOffset>0</addressOffset>{inside}</cluster>")
}

#[test]
fn an_error_is_one_sentence_that_names_the_element() -> Result {
    let one = "<register><name>A</name><addressOffset>0</addressOffset></register>";
    let deep = "<cluster><name>C</name><addressOffset>0</addressOffset>".repeat(17) + one + &"</cluster>".repeat(17);
    let huge = "<dim>65536</dim><dimIncrement>4</dimIncrement>";
    let arrays: String = (0..17)
        .map(|at| format!("<register>{huge}<name>A{at}[%s]</name><addressOffset>0</addressOffset></register>"))
        .collect();
    let lists: String = ('A'..'C')
        .map(|at| {
            named(&format!("L{at}%s"), "", "<dim>40000</dim><dimIncrement>4</dimIncrement><dimIndex>1-40000</dimIndex>")
        })
        .collect();
    let many = (0..65).map(|at| named(&format!("R{at}"), "", "")).collect::<String>();
    let fields = |count: u32| {
        let field = |at| format!("<field><name>F{at}</name><bitRange>[0:0]</bitRange></field>");
        format!("<fields>{}</fields>", (0..count).map(field).collect::<String>())
    };
    #[rustfmt::skip]
    let cases = [
        // Not SVD at all.
        (String::new(), "it is not XML: the document does not have a root node"),
        ("chip: Demo\n".to_owned(), "it is not XML: unknown token at 1:1"),
        ("<device><name>D</name>".to_owned(), "it is not XML: the root node was opened but never closed"),
        ("<package/>".to_owned(), "Expected a <device> tag, found none"),
        ("<x>".repeat(65) + &"</x>".repeat(65), "more than 64 elements of XML are inside each other"),
        // Something is missing.
        (device("<register><name>A</name></register>"), "In device `D`: In peripheral `P0`: Parsing register `A` at 1:117: Expected a <addressOffset> tag, found none"),
        (device("<register><addressOffset>0</addressOffset></register>"), "In device `D`: In peripheral `P0`: Parsing unknown register at 1:117: Expected a <name> tag, found none"),
        (peripherals("<peripheral><name>P0</name></peripheral>"), "In device `D`: Parsing peripheral `P0` at 1:51: Expected a <baseAddress> tag, found none"),
        (register("<fields><field><name>F</name></field></fields>"), "In device `D`: In peripheral `P0`: In register `A`: Parsing field `F` at 1:181: Bit range invalid, Syntax"),
        (field("<writeConstraint></writeConstraint>"), "the write constraint of field `P0.A.F` is empty"),
        // Numbers that cannot be.
        (field("").replace("[3:0]", "[4294967295:0]"), "field `P0.A.F` has the bits [4294967295:0], beyond any register"),
        (field("").replace("[3:0]", "[0:3]"), "In device `D`: In peripheral `P0`: In register `A`: Parsing field `F` at 1:181: Bit range invalid, Size"),
        (register("<size>wide</size>"), "In device `D`: In peripheral `P0`: In register `A`: Parsing unknown size at 1:173: Failed to parse `invalid digit found in string`"),
        // Arrays.
        (device(&named("A[%s]", "", "<dim>4294967295</dim><dimIncrement>4</dimIncrement>")), "register `P0.A[%s]` has 4294967295 elements, more than 65536"),
        (device(&named("A%s", "", "<dim>2</dim><dimIncrement>4</dimIncrement><dimIndex>0-4294967295</dimIndex>")), "register `P0.A%s` has the indices 0-4294967295, more than 65536"),
        (device(&named("A%s", "", "<dim>3</dim><dimIncrement>4</dimIncrement><dimIndex>0-1</dimIndex>")), "In device `D`: In peripheral `P0`: Parsing register `A%s` at 1:117: dimIndex tag must contain 3 indexes, found 2"),
        (device(&named("A", "", "<dim>3</dim><dimIncrement>4</dimIncrement>")), "In device `D`: In peripheral `P0`: Parsing register `A` at 1:117: Name `A` in tag `register` is missing a %s placeholder"),
        (device(&arrays), "all arrays together have more than 1048576 elements, up to register `P0.A16[%s]`"),
        (device(&lists), "the lists of the file have more than 65536 registers, up to `P0.LB%s`"),
        (device("<cluster><dim>300</dim><dimIncrement>4</dimIncrement><name>C[%s]</name><addressOffset>0</addressOffset><register><dim>300</dim><dimIncrement>4</dimIncrement><name>A[%s]</name><addressOffset>0</addressOffset></register></cluster>"), "`P0.C[%s].A[%s]` has 90000 elements, more than 65536"),
        (device(&deep), "more than 16 clusters are inside each other at cluster `P0.C.C.C.C.C.C.C.C.C.C.C.C.C.C.C.C.C`"),
        (device(&named("A", "", &fields(257))), "register `P0.A` has more than 256 fields"),
        (device(&many), "more than 64 registers of `P0` share the address 0x0"),
        // What derives from itself, or from nothing.
        (peripherals("<peripheral derivedFrom=\"P0\"><name>P0</name><baseAddress>0</baseAddress></peripheral>"), "peripheral `P0` derives from itself"),
        (peripherals("<peripheral derivedFrom=\"P1\"><name>P0</name><baseAddress>0</baseAddress></peripheral><peripheral derivedFrom=\"P0\"><name>P1</name><baseAddress>0</baseAddress></peripheral>"), "peripheral `P0` derives from itself"),
        (peripherals("<peripheral derivedFrom=\"P9\"><name>P0</name><baseAddress>0</baseAddress></peripheral>"), "peripheral `P0` derives from `P9`, which the file does not have"),
        (device(&named("A", "derivedFrom=\"A\"", "")), "register `P0.A` derives from itself"),
        (device(&(named("A", "derivedFrom=\"P0.B\"", "") + &named("B", "derivedFrom=\"A\"", ""))), "register `P0.A` derives from itself"),
        (device(&named("A", "derivedFrom=\"P0.C.B\"", "")), "register `P0.A` derives from `P0.C.B`, which the file does not have"),
        (device(&cluster("C", "derivedFrom=\"C\"", "")), "cluster `P0.C` derives from itself"),
        (device(&cluster("C", "", &(one.to_owned() + &cluster("E", "derivedFrom=\"P0.C\"", "")))), "cluster `P0.C.E` derives from a cluster that it is inside"),
        (device(&(cluster("C", "derivedFrom=\"P0.E.X\"", "") + &cluster("E", "derivedFrom=\"P0.C.X\"", ""))), "cluster `P0.E` derives from itself"),
        (field("").replace("<field>", "<field derivedFrom=\"F\">"), "field `P0.A.F` derives from itself"),
        (field("").replace("<field>", "<field derivedFrom=\"B.F\">"), "field `P0.A.F` derives from `B.F`, which the file does not have"),
        (field("<enumeratedValues derivedFrom=\"V\"><name>V</name></enumeratedValues>"), "an enumeratedValues of field `P0.A.F` derives from itself"),
        (field("<enumeratedValues derivedFrom=\"A.F.V\"></enumeratedValues>"), "an enumeratedValues of field `P0.A.F` derives from `A.F.V`, which the file does not have"),
    ];
    let mut failures = String::new();
    for (svd, expected) in cases {
        let error = converted("bad.svd", &svd).err().map(|error| error.to_string()).unwrap_or_default();
        if error != format!("error: cannot convert bad.svd: {expected}") {
            failures += &format!("{error}\n  instead of {expected}\n");
        }
    }
    assert!(failures.is_empty(), "{failures}");
    Ok(())
}

#[test]
fn a_warning_names_what_is_not_expressed() -> Result {
    let array = |stride: u32| format!("<dim>4</dim><dimIncrement>{stride}</dimIncrement>");
    #[rustfmt::skip]
    let cases = [
        (register("<size>12</size>"), "register `P0.A` is left out: it has 12 bits, not 8, 16, 32 or 64"),
        (register("").replace("Offset>0<", "Offset>2<"), "register `P0.A` is left out: its address 0x2 is not a multiple of 4"),
        (register("").replace("Offset>0<", "Offset>0xFFFFFFFC<"), "register `P0.A` is left out: it ends at 0x100000000, beyond 32 bits"),
        (device(&named("A[%s]", "", &array(2))), "register `P0.A[%s]` is left out: its elements overlap"),
        (device(&named("A[%s]", "", &array(6))), "register `P0.A[%s]` is left out: its stride 6 is not a multiple of 4"),
        (device(&named("A[%s]", "", "<dim>0</dim><dimIncrement>4</dimIncrement>")), "`P0.A[%s]` is left out: its array has no elements"),
        (register("<readAction>modify</readAction>"), "register `P0.A` has an access that no keyword expresses (a read changes it, and a write stores): it is described as `rc`"),
        (register("<access>writeOnce</access>"), "register `P0.A` has an access that no keyword expresses (only the first write counts): it is described as `wo`"),
        (field("").replace("[3:0]", "[32:30]"), "field `P0.A.F` is left out: it has 3 bits from bit 30 in a register of 32 bits"),
        (field("<enumeratedValues><enumeratedValue><name>A</name><value>1</value></enumeratedValue><enumeratedValue><name>B</name><value>1</value></enumeratedValue></enumeratedValues>"), "the name `B` of field `P0.A.F` is left out: 1 is `A`"),
        (register("<fields><field><name>F</name><bitRange>[3:0]</bitRange></field><field><name>G</name><bitRange>[4:3]</bitRange></field></fields>"), "fields `F` and `G` of register `P0.A` share bits: give both a `when`, or keep them in `overlaps`"),
        (device("").replace("<size>", "<cpu><name>CM0</name><revision>r0p0</revision><endian>selectable</endian><mpuPresent>0</mpuPresent><fpuPresent>0</fpuPresent><nvicPrioBits>2</nvicPrioBits><vendorSystickConfig>0</vendorSystickConfig></cpu><size>"), "the byte order of the registers depends on the chip: `little` is assumed"),
    ];
    for (svd, expected) in cases {
        let converted = converted("odd.svd", &svd)?;
        assert_eq!(converted.warnings, [expected], "{svd}");
        datasheet_codegen::read_bytes("odd.yaml", converted.text.as_bytes()).map_err(|report| report.to_string())?;
    }
    Ok(())
}

#[test]
fn a_big_endian_processor_has_registers_of_that_order() -> Result {
    let cpu = "<cpu><name>CM0</name><revision>r0p0</revision><endian>big</endian><mpuPresent>0</mpuPresent>\
               <fpuPresent>0</fpuPresent><nvicPrioBits>2</nvicPrioBits><vendorSystickConfig>0</vendorSystickConfig></cpu>";
    let text = converted("big.svd", &register("").replace("<size>", &format!("{cpu}<size>")))?.text;
    assert!(text.contains("\nbyte_order: big\n"), "{text}");
    Ok(())
}
