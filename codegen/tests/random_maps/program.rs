//! The program that calls the generated code: one module a map, one line of output a call.

use super::interpreter::{self, Abilities, Values, abilities, cut, offsets, stored};
use super::map::{Kind, Map, Pair, Place, Register, Trial};

/// What stands before the modules.
pub const HEAD: &str = "#![allow(dead_code, non_snake_case, unused_imports)]\n#[macro_use]\nmod support;\n";

/// A call, and the line that it must print.
pub struct Call {
    pub code: String,
    pub expected: String,
}

/// The module of a map.
pub fn module(number: usize, calls: &[Call]) -> String {
    let calls: String = calls.iter().map(|call| format!("        {};\n", call.code)).collect();
    format!(
        "mod map{number} {{
    use crate::support::*;
    include!(\"map{number}/registers.rs\");
    pub fn run() {{
{calls}    }}
}}
"
    )
}

/// What runs the modules.
pub fn main(maps: usize) -> String {
    let calls: String = (0..maps).map(|number| format!("    map{number}::run();\n")).collect();
    format!("fn main() {{\n{calls}}}\n")
}

/// Everything that can be done with the registers of a map.
pub fn calls(map: &Map) -> Vec<Call> {
    let mut calls = Vec::new();
    for (number, register) in map.registers.iter().enumerate() {
        let abilities = abilities(map, register);
        calls.push(probe(map, number, &abilities));
        calls
            .push(Call { code: format!("print_info(&REGISTERS[{number}])"), expected: interpreter::info(map, number) });
        calls.extend(limits(number, register));
        for trial in &register.trials {
            Trying { map, number, register, trial, abilities: &abilities }.calls(&mut calls);
        }
    }
    for number in 0..map.pairs.len() {
        pair_calls(map, number, &mut calls);
    }
    calls
}

/// Which of the runtime's traits a register has.
fn probe(map: &Map, number: usize, abilities: &Abilities) -> Call {
    let permissions = (0..map.permissions.len()).map(|permission| format!("permission::P{permission}"));
    let permissions: Vec<_> = permissions.collect();
    let has = [
        abilities.read_pure,
        abilities.has_read_side_effects,
        abilities.plain_write,
        abilities.ones_set,
        abilities.ones_clear,
        abilities.known_reset,
        abilities.bare_write,
        abilities.doorbell,
    ];
    // Alone, with the device to oneself, and as the driver.
    let writable: Vec<_> = abilities.writable_in.iter().map(|(alone, driver)| [*alone, *alone, *driver]).collect();
    Call { code: format!("probe!(R{number}: {})", permissions.join(", ")), expected: format!("{has:?} {writable:?}") }
}

/// Which numbers the fields take, at the ends of what is allowed.
fn limits(number: usize, register: &Register) -> Vec<Call> {
    let settable = register.fields.iter().enumerate().filter(|(_, field)| interpreter::is_settable(register, field));
    let calls = settable.filter_map(|(field_number, field)| {
        let (least, greatest) = match field.kind {
            Kind::Within(least, greatest) => (least, greatest),
            Kind::Number if field.width > 1 => (0, u64::MAX >> (64 - field.width)),
            _ => return None,
        };
        let tried = [least.wrapping_sub(1), least, greatest, greatest.wrapping_add(1)];
        let taken = tried.map(|value| least <= value && value <= greatest);
        let tries = format!("Value::<R{number}>::EMPTY.try_with(R{number}::F{field_number}, value).is_ok()");
        Some(Call {
            code: format!("println!(\"{{:?}}\", {tried:?}.map(|value: u64| {tries}))"),
            expected: format!("{taken:?}"),
        })
    });
    calls.collect()
}

/// A register, and numbers to try it with.
struct Trying<'a> {
    map: &'a Map,
    number: usize,
    register: &'a Register,
    trial: &'a Trial,
    abilities: &'a Abilities,
}

impl Trying<'_> {
    fn calls(&self, calls: &mut Vec<Call>) {
        let Self { map, register, trial, abilities, .. } = self;
        if map.window_of(self.number).is_some_and(|(_, window)| window.commands.is_some()) {
            return self.transfers(calls);
        }
        let behind = Behind::of(map, self.number, trial);
        let offsets = offsets(register);
        let element = trial.element % offsets.len();
        let (offset, answer) = (offsets[element], trial.answers[0]);
        let old = cut(register, answer);
        let read = interpreter::read(register, offset, old);
        let wrote = |value| interpreter::wrote(register, offset, value);
        let mut call = |method: &str, expected: String| {
            if let Some(permission) = permission(map, &[self.number]) {
                let place = access(format!("r{}", self.number), register, element);
                let show = if method.starts_with("read") { self.show() } else { String::new() };
                let Behind { handle, select, selected } = &behind;
                let code = format!("on_bus!([{answer}, 0], {handle}, P{permission}, {select}{place}.{method}{show})");
                calls.push(Call { code, expected: selected.clone() + &expected });
            }
        };

        if abilities.read_pure || abilities.has_read_side_effects {
            let method = if abilities.read_pure { "read()" } else { "read_with_side_effects()" };
            call(method, read.clone() + &interpreter::fields(register, old));
        }
        let (some, all) = (self.values(trial.given), self.values(u32::MAX));
        let [some_code, all_code] = [&some, &all].map(|values| self.code(values));
        if abilities.plain_write {
            if abilities.read_pure {
                call(&format!("modify({some_code})"), read + &wrote(stored(register, old, &some)));
            }
            let reset = register.reset.unwrap_or(0);
            if abilities.known_reset {
                call(&format!("write({some_code})"), wrote(stored(register, reset, &some)));
            }
            call(&format!("write_full({all_code}.full().unwrap())"), wrote(stored(register, reset, &all)));
        }
        if abilities.ones_set {
            call(&format!("set_bits({some_code})"), wrote(interpreter::ones(register, &some)));
        }
        if abilities.ones_clear {
            call(&format!("clear_bits({some_code})"), wrote(interpreter::ones(register, &some)));
        }
        if abilities.doorbell {
            call(&format!("ring_doorbell({old})"), wrote(old));
        }
    }

    /// The commands that transfer an element of a register.
    fn transfers(&self, calls: &mut Vec<Call>) {
        let Self { map, register, trial, abilities, .. } = self;
        let (Some((number, window)), Some(permission)) = (map.window_of(self.number), permission(map, &[self.number]))
        else {
            return;
        };
        let Some(commands) = &window.commands else { return };
        let (selector, index) = (&map.registers[window.selector], trial.element as u64 % u64::from(window.count));
        // The chip has carried out the command at the first look.
        let done = commands.done << selector.fields[2].lsb;
        let (offset, [_, answer]) = (offsets(register)[0], trial.answers);
        let polled = interpreter::read(selector, offsets(selector)[0], done);
        let mut call = |method: String, expected: String| {
            let code = format!("on_bus!([{done}, {answer}], Windows, P{permission}, w{number}.{method}");
            calls.push(Call { code, expected });
        };
        let timed = format!("Index::new({index}).unwrap()");
        if let Some(command) = commands.read.filter(|_| abilities.read_pure) {
            let old = cut(register, answer);
            let selected = interpreter::selected(map, window, index, Some(command));
            let read = interpreter::read(register, offset, old) + &interpreter::fields(register, old);
            let method = format!("read({timed}, &Stopped, Duration::ZERO).unwrap(){})", self.show());
            call(method, selected + &polled + &read);
        }
        if let Some(command) = commands.write.filter(|_| abilities.plain_write) {
            let all = self.values(u32::MAX);
            let value = self.code(&all) + ".full().unwrap()";
            let wrote = interpreter::wrote(register, offset, stored(register, register.reset.unwrap_or(0), &all));
            let selected = interpreter::selected(map, window, index, Some(command));
            let method = format!("write({timed}, {value}, &Stopped, Duration::ZERO).unwrap())");
            call(method, wrote + &selected + &polled);
        }
    }

    /// What has the program print the fields of what was read.
    fn show(&self) -> String {
        let fields: String = (0..self.register.fields.len()).map(|field| format!(", F{field}")).collect();
        format!("; show R{}{fields}", self.number)
    }

    /// Values for the fields whose bits are in `given`, one for alternatives at the same bits.
    fn values(&self, given: u32) -> Values {
        let fields = self.register.fields.iter().enumerate();
        let fields =
            fields.filter(|(number, field)| given >> number & 1 == 1 && interpreter::is_settable(self.register, field));
        let mut values = Values::new();
        for (number, field) in fields {
            if values.iter().any(|(other, _)| self.register.fields[*other].lsb == field.lsb) {
                continue;
            }
            let raw = self.trial.value.rotate_left(7 * number as u32);
            values.push((
                number,
                match &field.kind {
                    Kind::Number => raw & u64::MAX >> (64 - field.width),
                    Kind::Within(least, greatest) => least + raw % (greatest - least + 1),
                    Kind::Named(named) => named[raw as usize % named.len()],
                },
            ));
        }
        values
    }

    /// The code that makes a value of these.
    fn code(&self, values: &Values) -> String {
        let number = self.number;
        let mut code = format!("Value::<R{number}>::EMPTY");
        for (field, value) in values {
            let described = &self.register.fields[*field];
            let value = match described.kind {
                Kind::Named(_) => format!("r{number}::F{field}::V{value}"),
                _ if described.width == 1 => (*value == 1).to_string(),
                _ => format!("{value}_u64"),
            };
            code += &format!(".try_with(R{number}::F{field}, {value}).unwrap()");
        }
        code
    }
}

/// How the program comes to a register behind a window, or behind none.
struct Behind {
    /// The type that it begins with.
    handle: &'static str,
    /// The code that selects the element.
    select: String,
    /// What that does on the bus.
    selected: String,
}

impl Behind {
    fn of(map: &Map, register: usize, trial: &Trial) -> Self {
        let Some((number, window)) = map.window_of(register) else {
            return Self { handle: "Registers", select: String::new(), selected: String::new() };
        };
        let index = trial.element % window.count as usize;
        Self {
            handle: "Windows",
            select: format!("w{number}.select(Index::new({index}).unwrap())."),
            selected: interpreter::selected(map, window, index as u64, None),
        }
    }
}

/// A permission with which the driver may write all `registers`, and the index register of their window.
fn permission(map: &Map, registers: &[usize]) -> Option<usize> {
    let selector = registers.first().and_then(|register| Some(map.window_of(*register)?.1.selector));
    let all = registers.iter().copied().chain(selector);
    let all: Vec<_> = all.map(|register| abilities(map, &map.registers[register]).writable_in).collect();
    (0..map.permissions.len()).find(|permission| all.iter().all(|writable| writable[*permission].1))
}

/// The code that reaches a register, or a pair, by the method `name`: if it is an array, one of its elements.
fn access(name: String, register: &Register, element: usize) -> String {
    match register.place {
        Place::At(_) => format!("{name}()"),
        Place::Array(..) => format!("{name}(Index::new({element}).unwrap())"),
    }
}

/// What can be done with both registers of a pair can be done with the pair.
fn pair_calls(map: &Map, number: usize, calls: &mut Vec<Call>) {
    let Pair { low, high, order } = map.pairs[number];
    let (registers, high_first) = ([low, high].map(|number| &map.registers[number]), order == "high_first");
    let [l, h] = registers.map(|register| abilities(map, register));
    let Some(permission) = permission(map, &[low, high]) else { return };
    let trial = &registers[0].trials[0];
    let Behind { handle, select, selected } = Behind::of(map, low, trial);
    let element = trial.element % offsets(registers[0]).len();
    let places = registers.map(|register| offsets(register)[element]);
    let place = access(format!("q{number}"), registers[0], element);
    let in_order = |[low, high]: [String; 2]| if high_first { high + &low } else { low + &high };
    let mut call = |method: String, expected: String| {
        let code = format!("on_bus!({:?}, {handle}, P{permission}, {select}{place}.{method})", trial.answers);
        calls.push(Call { code, expected: selected.clone() + &expected });
    };
    let answers = if high_first { [trial.answers[1], trial.answers[0]] } else { trial.answers };
    let halves = [0, 1].map(|half| cut(registers[half], answers[half]));
    let value = halves[0] | halves[1] << registers[0].width;
    let reads = || in_order([0, 1].map(|half| interpreter::read(registers[half], places[half], halves[half])));
    if l.read_pure && h.read_pure {
        call("read(); number".to_owned(), reads() + &value.to_string());
    }
    if l.has_read_side_effects && h.has_read_side_effects {
        call("read_with_side_effects(); number".to_owned(), reads() + &value.to_string());
    }
    if l.plain_write && h.plain_write {
        let is_address = registers.iter().all(|register| register.memory_safety);
        let code = if is_address { format!("unsafe {{ DmaAddr::new({value}) }}") } else { value.to_string() };
        let stored = [0, 1].map(|half| interpreter::stored_whole(registers[half], halves[half]));
        let writes = [0, 1].map(|half| interpreter::wrote(registers[half], places[half], stored[half]));
        call(format!("write({code})"), in_order(writes));
    }
}
