//! The map against the datasheet.
//!
//! `data/datasheet-registers.tsv` and `data/datasheet-fields.tsv` hold the bare facts of chapter 8.2. They come from
//! the same reading of it as `registers.yaml`, so that slips in writing the map show here, but not slips in reading.
//! Where the map differs on purpose, the difference stands in [`DIFFERENCES`] with its reason; one that is no longer
//! there must go from the list.

use std::collections::BTreeMap;
use std::error::Error;

use ixgbe::info::{AccessKind, FieldInfo, RegisterInfo};
use ixgbe::mmio::Range;
use ixgbe::registers::{REGISTERS, msix, virtual_function};

/// What differs, as `datasheet / map`, and why. What is said to be a doubt is recorded as one in `registers.yaml`.
#[rustfmt::skip]
const DIFFERENCES: &[(&str, &str)] = &[
    ("EEC field: PCI _genarl_done / PCI_GENERAL_DONE", "The datasheet misspells it."),
    ("EEMNGCTL access: RW / RO", "All its fields are RO for the host (doubt)."),
    ("SWSM SMBI access: RW / read sets", "The text says that a read takes the semaphore (doubt)."),
    ("EICR access: RW1C / RC/W1C", "The text says that a read clears it too, unless GPIE.OCD is set."),
    ("EICS_EX places: 2 from 1 at 0x00a90 + 0x4 / 2 from 0 at 0x00a90 + 0x4", "The datasheet counts these from 1, the map counts all arrays from 0."),
    ("EIMS_EX places: 2 from 1 at 0x00aa0 + 0x4 / 2 from 0 at 0x00aa0 + 0x4", "As EICS_EX."),
    ("EIMC_EX places: 2 from 1 at 0x00ab0 + 0x4 / 2 from 0 at 0x00ab0 + 0x4", "As EICS_EX."),
    ("EIAM_EX places: 2 from 1 at 0x00ad0 + 0x4 / 2 from 0 at 0x00ad0 + 0x4", "As EICS_EX."),
    ("RAL aliases: none / 16 from 0 at 0x05400 + 0x8", "Drivers use the place that the 82598 had."),
    ("RAH aliases: none / 16 from 0 at 0x05404 + 0x8", "As RAL."),
    ("ETQF field: 1588 time stamp / TIME_STAMP_1588", "An identifier does not begin with a digit."),
    ("RDH access: RO / RW", "Bring-up writes 0 to it (doubt)."),
    ("TDH access: RO / RW", "Bring-up writes 0 to it (doubt)."),
    ("AUTOC field: 10G_PMA_PMD_PARALLEL / PMA_PMD_10G_PARALLEL", "An identifier does not begin with a digit."),
    ("AUTOC field: 1G_PMA_PMD / PMA_PMD_1G", "An identifier does not begin with a digit."),
    ("LINKS field: KX/KX4/KR Backplane AN Next Page received / BACKPLANE_AN_NEXT_PAGE_RECEIVED", "There is no other backplane than KX/KX4/KR."),
    ("LINKS field: KX/KX4/KR Backplane AN Page received / BACKPLANE_AN_PAGE_RECEIVED", "There is no other backplane than KX/KX4/KR."),
    ("LINKS field: 10G lane sync_status / LANE_SYNC_STATUS_10G", "An identifier does not begin with a digit."),
    ("LINKS field: 10G Align Status / ALIGN_STATUS_10G", "An identifier does not begin with a digit."),
    ("LINKS field: 1G Sync Status / SYNC_STATUS_1G", "An identifier does not begin with a digit."),
    ("LINKS field: KX/KX4/KR Backplane AN Receiver Idle / BACKPLANE_AN_RECEIVER_IDLE", "There is no other backplane than KX/KX4/KR."),
    ("LINKS field: 1G AN enabled (clause 37 AN) / AN_ENABLED_1G", "An identifier does not begin with a digit."),
    ("LINKS field: 1G link Enabled PCS_1G / LINK_ENABLED_1G", "An identifier does not begin with a digit; PCS_1G says 1G again."),
    ("LINKS field: 10G link Enabled (XGXS) / LINK_ENABLED_10G", "An identifier does not begin with a digit."),
    ("LINKS field: 10G_SER_EN / SER_EN_10G", "An identifier does not begin with a digit."),
    ("LINKS field: KX/KX4/KR Backplane AN Completed / BACKPLANE_AN_COMPLETED", "There is no other backplane than KX/KX4/KR."),
    ("AUTOC2 field: 10G_PMA_PMD_Serial / PMA_PMD_10G_SERIAL", "An identifier does not begin with a digit."),
    ("RXMPC bits 31:0: no field / RXMPC", "The field table was not available; drivers read one 32-bit counter (doubt)."),
    ("LXONTXC bits 31:0: no field / LXONTXC", "The field table was not available; drivers read one 32-bit counter (doubt)."),
    ("LXOFFTXC bits 31:0: no field / LXOFFTXC", "The field table was not available; drivers read one 32-bit counter (doubt)."),
    ("PXONTXC bits 31:0: no field / PXONTXC", "The field table was not available; drivers read one 32-bit counter (doubt)."),
    ("PXOFFTXCNT bits 31:0: no field / PXOFFTXCNT", "The field table was not available; drivers read one 32-bit counter (doubt)."),
    ("PXON2OFFCNT bits 31:0: no field / PXON2OFFCNT", "The field table was not available; drivers read one 32-bit counter (doubt)."),
    ("MNGPTC bits 31:0: no field / MNGPTC", "The field table was not available; drivers read one 32-bit counter (doubt)."),
    ("PRC64 access: RW / RC", "Drivers treat it as cleared by a read, like its neighbours (doubt)."),
    ("PRC127 access: RW / RC", "Drivers treat it as cleared by a read, like its neighbours (doubt)."),
    ("PRC255 access: RW / RC", "Drivers treat it as cleared by a read, like its neighbours (doubt)."),
    ("PRC511 access: RW / RC", "Drivers treat it as cleared by a read, like its neighbours (doubt)."),
    ("PRC1023 access: RW / RC", "Drivers treat it as cleared by a read, like its neighbours (doubt)."),
    ("PRC1522 access: RW / RC", "Drivers treat it as cleared by a read, like its neighbours (doubt)."),
    ("BPRC access: RO / RC", "The summary table 8-2 says RC (doubt)."),
    ("MPRC access: RO / RC", "The summary table 8-2 says RC (doubt)."),
    ("GPRC access: RO / RC", "The summary table 8-2 says RC (doubt)."),
    ("MNGPRC access: RO / RC", "A driver's register table says RC (doubt)."),
    ("MNGPDC access: RO / RC", "A driver's register table says RC (doubt)."),
    ("GSCN_0_3 access: RO / RC", "Reading clears the counters (doubt)."),
    ("RDBAL field: 0 / ZERO", "A name that says what the number does."),
    ("RDBAL ZERO access: RW / RO", "The bits are ignored when written."),
    ("TDBAL field: 0 / ZERO", "As RDBAL."),
    ("TDBAL ZERO access: RW / RO", "As RDBAL."),
    ("FCBUFF field: Offset / USER_BUFFER_OFFSET", "Every register's place is its `OFFSET` here."),
    ("FCFLTRW field: Reserve / RESERVE_12_9", "The datasheet has two of that name."),
    ("FCFLTRW field: Reserve / RESERVE_31_16", "The datasheet has two of that name."),
    ("FDIRUSTAT access: RW/RC / RC", "What has the side effect is what counts (doubt)."),
    ("FDIRFSTAT access: RW/RC / RC", "As FDIRUSTAT."),
    ("PCSS2 field: 10GBASE-R Capable / CAPABLE_10GBASE_R", "An identifier does not begin with a digit."),
    ("PCSS2 field: 10GBASE-X capable / CAPABLE_10GBASE_X", "An identifier does not begin with a digit."),
    ("PCSS2 field: 10GBASE-W capable / CAPABLE_10GBASE_W", "An identifier does not begin with a digit."),
    ("XPCSS field: 10GBASE-X lane alignment status / LANE_ALIGNMENT_STATUS_10GBASE_X", "An identifier does not begin with a digit."),
    ("MMNGC access: Host-RO/MNG-RW / RO", "This is the host's map."),
    ("KRPCSS field: RX_LF_DET / RX_LF_DET_22", "The datasheet has two of that name."),
    ("WUPL bits 31:0: no field / WUPL", "A register without a field table holds one number."),
    ("WUPM bits 31:0: no field / WUPM", "As WUPL."),
    ("FHFT bits 31:0: no field / FHFT", "As WUPL."),
    ("FTFT bits 31:0: no field / FTFT", "As WUPL."),
    ("TSYNCRXCTL field: RXTT(RO/V) / RXTT", "What stands in brackets is the access."),
    ("TSYNCTXCTL field: TXTT(RO/V) / TXTT", "As TSYNCRXCTL."),
    ("MDEF field: Unicast (AND) / UNICAST_AND", "What stands in brackets is part of the name: there is one of each kind."),
    ("MDEF field: Broadcast (AND) / BROADCAST_AND", "What stands in brackets is part of the name: there is one of each kind."),
    ("MDEF field: VLAN (AND) / VLAN_AND", "What stands in brackets is part of the name: there is one of each kind."),
    ("MDEF field: IP Address (AND) / IP_ADDRESS_AND", "What stands in brackets is part of the name: there is one of each kind."),
    ("MDEF field: Unicast (OR) / UNICAST_OR", "What stands in brackets is part of the name: there is one of each kind."),
    ("MDEF field: Broadcast (OR) / BROADCAST_OR", "What stands in brackets is part of the name: there is one of each kind."),
    ("MDEF field: Multicast (AND) / MULTICAST_AND", "What stands in brackets is part of the name: there is one of each kind."),
    ("MDEF field: ARP Request (OR) / ARP_REQUEST_OR", "What stands in brackets is part of the name: there is one of each kind."),
    ("MDEF field: ARP Response (OR) / ARP_RESPONSE_OR", "What stands in brackets is part of the name: there is one of each kind."),
    ("MDEF field: Neighbor Discovery (OR) / NEIGHBOR_DISCOVERY_OR", "What stands in brackets is part of the name: there is one of each kind."),
    ("MDEF field: Port 0x298 (OR) / PORT_0X298_OR", "What stands in brackets is part of the name: there is one of each kind."),
    ("MDEF field: Port 0x26F (OR) / PORT_0X26F_OR", "What stands in brackets is part of the name: there is one of each kind."),
    ("MDEF field: Flex port (OR) / FLEX_PORT_OR", "What stands in brackets is part of the name: there is one of each kind."),
    ("MDEF field: Flex TCO (OR) / FLEX_TCO_OR", "What stands in brackets is part of the name: there is one of each kind."),
    ("MDEF_EXT field: L2 EtherType (AND) / L2_ETHERTYPE_AND", "What stands in brackets is part of the name: there is one of each kind."),
    ("MDEF_EXT field: L2 EtherType (OR) / L2_ETHERTYPE_OR", "What stands in brackets is part of the name: there is one of each kind."),
];

struct Register {
    places: Vec<Range>,
    aliases: Vec<Range>,
    width: u32,
    access: String,
    reset: Option<u32>,
    reset_known: u32,
    section: String,
    page: u32,
    fields: Vec<Field>,
}

struct Field {
    name: String,
    lsb: u32,
    width: u32,
    access: String,
}

#[test]
fn the_map_says_what_the_datasheet_says() -> Result<(), Box<dyn Error>> {
    let datasheet = datasheet()?;
    let mut found = Vec::new();
    for register in REGISTERS {
        match datasheet.get(register.name) {
            Some(there) => compare(register, there, &mut found),
            None => found.push(format!("{}: not in the datasheet", register.name)),
        }
    }
    for name in datasheet.keys() {
        if REGISTERS.iter().all(|register| register.name != name) {
            found.push(format!("{name}: not in the map"));
        }
    }
    let unexpected: Vec<_> = found.iter().filter(|one| !DIFFERENCES.iter().any(|(known, _)| known == one)).collect();
    assert!(unexpected.is_empty(), "the map differs from the datasheet (datasheet / map):\n{unexpected:#?}");
    let gone: Vec<_> = DIFFERENCES.iter().filter(|(known, _)| !found.iter().any(|one| one == known)).collect();
    assert!(gone.is_empty(), "these differences are no longer there:\n{gone:#?}");
    Ok(())
}

fn compare(map: &RegisterInfo, datasheet: &Register, found: &mut Vec<String>) {
    let mut differs = |what: &str, datasheet: String, map_says: String| {
        if datasheet != map_says {
            found.push(format!("{} {what}: {datasheet} / {map_says}", map.name));
        }
    };
    differs("places", places(&datasheet.places), places(map.ranges));
    differs("aliases", places(&datasheet.aliases), places(map.aliases));
    differs("width", datasheet.width.to_string(), map.width.to_string());
    differs("section", datasheet.section.clone(), map.section.to_owned());
    differs("page", datasheet.page.to_string(), map.page.to_string());
    differs(
        "reset",
        reset(datasheet.reset.map(u64::from), datasheet.reset_known.into()),
        reset(map.reset, map.reset_known),
    );
    differs("access", datasheet.access.clone(), access(map.access).to_owned());

    for field in datasheet.fields.iter().filter(|field| field.access != "RSV") {
        let bits = |other: &&FieldInfo| (other.lsb, other.width) == (field.lsb, field.width);
        let Some(in_map) = map.fields.iter().find(bits) else {
            differs(&format!("bits {}", bits_text(field.lsb, field.width)), field.name.clone(), "no field".to_owned());
            continue;
        };
        if letters(&field.name) != letters(in_map.name) {
            differs("field", field.name.clone(), in_map.name.to_owned());
        }
        // What is said of the whole register need not be said of each field.
        let (there, here) = (field.access.as_str(), access(in_map.access));
        if (there, here) != (datasheet.access.as_str(), access(map.access)) {
            differs(&format!("{} access", in_map.name), there.to_owned(), here.to_owned());
        }
    }
    for field in map.fields {
        let known = datasheet
            .fields
            .iter()
            .any(|other| (other.lsb, other.width) == (field.lsb, field.width) && other.access != "RSV");
        if !known {
            differs(
                &format!("bits {}", bits_text(field.lsb, field.width)),
                "no field".to_owned(),
                field.name.to_owned(),
            );
        }
    }
}

/// Of these chapter 8.2 has places and access alone; what virtual functions have is known from drivers.
#[test]
fn the_other_blocks_are_where_they_should_be() -> Result<(), Box<dyn Error>> {
    let mut names = Vec::new();
    for [name, block, base, count, stride, wanted] in rows(include_str!("data/datasheet-blocks.tsv"))? {
        let map = match block {
            "msix" => msix::REGISTERS,
            _ => virtual_function::REGISTERS,
        };
        let register = map.iter().find(|register| register.name == name).ok_or_else(|| format!("no {name}"))?;
        let [range] = register.ranges else { return Err(format!("{name} has several ranges").into()) };
        assert_eq!(range.base, number(base)?, "{name}");
        if count != "?" {
            assert_eq!(range.count, number(count)?, "{name}");
        }
        if stride != "-" && range.count > 1 {
            assert_eq!(range.stride, number(stride)?, "{name}");
        }
        if wanted != "-" {
            assert_eq!(access(register.access), wanted, "{name}");
        }
        assert_eq!(register.reset, None, "nobody says what {name} is after a reset");
        names.push(name);
    }
    // VFPBACL is in no page and in no driver, but in a public transcription.
    names.push("VFPBACL");
    let unknown = msix::REGISTERS.iter().chain(virtual_function::REGISTERS).filter(|one| !names.contains(&one.name));
    assert_eq!(unknown.count(), 0, "the map has others");
    assert_eq!([msix::REGISTERS.len(), virtual_function::REGISTERS.len()], [5, 44]);
    Ok(())
}

/// The kinds of access in the datasheet's words.
fn access(access: AccessKind) -> &'static str {
    match access {
        AccessKind::Rw => "RW",
        AccessKind::Ro => "RO",
        AccessKind::Wo => "WO",
        AccessKind::Rc => "RC",
        AccessKind::W1c => "RW1C",
        AccessKind::RcW1c => "RC/W1C",
        AccessKind::W0c => "RW0C",
        AccessKind::W1s => "RWS",
        AccessKind::Sc => "RW-SC",
        AccessKind::ReadSets => "read sets",
    }
}

/// The same kind has several names.
fn one_name(access: &str) -> &str {
    match access {
        "W1C" | "RW1/C" => "RW1C",
        other => other,
    }
}

/// The letters and digits of a name: all that an identifier keeps of it, without what is in parentheses.
fn letters(name: &str) -> String {
    let name = name.split(" (").next().unwrap_or(name);
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
}

fn places(ranges: &[Range]) -> String {
    let place = |range: &Range| {
        let stride = if range.count == 1 { 0 } else { range.stride };
        format!("{} from {} at {:#07x} + {stride:#x}", range.count, range.first, range.base)
    };
    if ranges.is_empty() { "none".to_owned() } else { ranges.iter().map(place).collect::<Vec<_>>().join(", ") }
}

fn reset(value: Option<u64>, known: u64) -> String {
    value.map_or("unknown".to_owned(), |value| format!("{value:#010x} of {known:#010x}"))
}

fn bits_text(lsb: u32, width: u32) -> String {
    format!("{}:{lsb}", lsb + width - 1)
}

fn datasheet() -> Result<BTreeMap<String, Register>, Box<dyn Error>> {
    let mut registers = BTreeMap::new();
    for [name, places, aliases, width, access, reset, reset_known, section, page] in
        rows(include_str!("data/datasheet-registers.tsv"))?
    {
        let register = Register {
            places: ranges(places)?,
            aliases: ranges(aliases)?,
            width: number(width)?,
            access: one_name(access).to_owned(),
            reset: if reset == "-" { None } else { Some(number(reset)?) },
            reset_known: if reset_known == "-" { 0 } else { number(reset_known)? },
            section: section.to_owned(),
            page: number(page)?,
            fields: Vec::new(),
        };
        registers.insert(name.to_owned(), register);
    }
    for [register, name, lsb, width, access] in rows(include_str!("data/datasheet-fields.tsv"))? {
        let field = Field {
            name: name.to_owned(),
            lsb: number(lsb)?,
            width: number(width)?,
            access: one_name(access).to_owned(),
        };
        registers.get_mut(register).ok_or_else(|| format!("field {name} of no register"))?.fields.push(field);
    }
    Ok(registers)
}

/// The rows below the comment and the headings.
fn rows<const COLUMNS: usize>(table: &'static str) -> Result<Vec<[&'static str; COLUMNS]>, String> {
    let lines = table.lines().filter(|line| !line.starts_with('#')).skip(1);
    lines.map(|line| line.split('\t').collect::<Vec<_>>().try_into().map_err(|_| format!("columns: {line}"))).collect()
}

fn ranges(text: &str) -> Result<Vec<Range>, Box<dyn Error>> {
    let range = |text: &str| match text.split(',').map(number).collect::<Result<Vec<_>, _>>()?.as_slice() {
        &[first, count, base, stride] => Ok(Range { first, count, base, stride }),
        _ => Err(format!("no range: {text}").into()),
    };
    if text == "-" { Ok(Vec::new()) } else { text.split(';').map(range).collect() }
}

fn number(text: &str) -> Result<u32, Box<dyn Error>> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|error| format!("{text}: {error}").into())
}

/// A field's name, lowest bit and number of bits.
type NameLsbWidth = (&'static str, u32, u32);

/// Fields of the other blocks by their bits: those of the MSI-X table are the PCI specification's (6.8.2), those of the
/// mailbox are in drivers' headers.
const FIELDS: &[(&str, &[NameLsbWidth])] = &[
    ("MSIXTADD", &[("ZERO", 0, 2), ("MSIXTADD", 2, 30)]),
    ("MSIXTVCTRL", &[("MASK", 0, 1)]),
    ("VFPBACL", &[("PENBIT", 0, 3)]),
    (
        "VFMAILBOX",
        &[
            ("REQ", 0, 1),
            ("ACK", 1, 1),
            ("VFU", 2, 1),
            ("PFU", 3, 1),
            ("PFSTS", 4, 1),
            ("PFACK", 5, 1),
            ("RSTI", 6, 1),
            ("RSTD", 7, 1),
        ],
    ),
];

/// A register of a virtual function has what the physical function's register of that name has, unless it is one number.
#[test]
fn the_fields_of_the_other_blocks_are_those_of_their_likes() {
    let fields = |register: &RegisterInfo| {
        let fields = register.fields.iter().map(|field| (field.name, field.lsb, field.width));
        fields.collect::<Vec<_>>()
    };
    let mut judged = 0;
    for register in msix::REGISTERS.iter().chain(virtual_function::REGISTERS) {
        let name = register.name;
        let alike = name.get(2..).and_then(|name| REGISTERS.iter().find(|other| other.name == name));
        let own = FIELDS.iter().find(|(other, _)| *other == name).map(|(_, fields)| fields.to_vec());
        let own_fields = fields(register);
        if let [(_, 0, 32)] = own_fields[..] {
            continue;
        }
        if let Some(wanted) = own.or_else(|| alike.map(fields)) {
            let others: Vec<_> = own_fields.iter().filter(|field| !wanted.contains(field)).collect();
            assert!(others.is_empty(), "{name} has other fields: {others:?}");
            judged += 1;
        } else {
            assert!(["VFGORC_MSB", "VFGOTC_MSB"].contains(&name), "nothing says which fields {name} has");
        }
    }
    assert_eq!(judged, 27, "of some nothing was found to compare them with");
}
