//! Random maps, and what the code generated for them does on a bus: exactly what an interpreter of the same map says.
//!
//! [`strategy`] makes maps of everything that a register can be. The generator gets a map as a description ([`map`]) and
//! makes code of it, which [`program`] calls on a bus that writes down each access. [`interpreter`] says which accesses
//! those must be, from the same map, bit by bit, and shares nothing with the generator. The code of all maps is compiled at
//! once, with the crate `datasheet-runtime` and with the few lines of `support.rs`.
//!
//! The maps are the same in each run. For others, or for more:
//!
//!     RANDOM_MAPS=500 RANDOM_MAPS_SEED=7 cargo test -p datasheet-codegen --test random_maps

mod compiler;
mod interpreter;
mod map;
mod program;
mod strategy;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

use datasheet_codegen::Generator;

use map::Map;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

#[test]
fn generated_code_does_what_the_map_says() -> Result {
    let (count, seed) = (number("RANDOM_MAPS", 60)?, number("RANDOM_MAPS_SEED", 1)?);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("random_maps");
    // What an older run left behind is of other maps.
    let _ = fs::remove_dir_all(&directory);
    let maps = (0..count).map(|number| strategy::map(seed, number)).collect::<Result<Vec<Map>>>()?;

    let mut source = program::HEAD.to_owned();
    let mut calls = Vec::new();
    for (number, map) in maps.iter().enumerate() {
        let place = directory.join(format!("map{number}"));
        fs::create_dir_all(&place)?;
        fs::write(place.join("map.yaml"), map.to_string())?;
        Generator::new(place.join("map.yaml")).emit_to(&place)?;
        calls.push(program::calls(map));
        source += &program::module(number, calls.last().map_or(&[], Vec::as_slice));
    }
    source += &program::main(maps.len());
    let told = run(&directory, &source)?;

    let mut told = told.lines();
    let mut compared = 0;
    for (number, (map, calls)) in maps.iter().zip(&calls).enumerate() {
        for call in calls {
            let is = told.next().unwrap_or("nothing");
            let place = directory.join(format!("map{number}"));
            assert_eq!(is, call.expected, "{} of {}, which is\n{map}", call.code, place.display());
            compared += 1;
        }
    }
    assert_eq!(told.next(), None, "more was done than there are calls");
    assert!(compared >= 10 * maps.len(), "only {compared} calls were compared");
    Ok(())
}

/// A number from the environment.
fn number(variable: &str, otherwise: usize) -> Result<usize> {
    match std::env::var(variable) {
        Ok(text) => text.parse().map_err(|error| format!("{variable} is {text:?}: {error}").into()),
        Err(_) => Ok(otherwise),
    }
}

/// Compiles the program, runs it, and gives what it prints.
fn run(directory: &Path, source: &str) -> Result<String> {
    let (main, program) = (directory.join("main.rs"), directory.join("program"));
    fs::write(&main, source)?;
    fs::write(directory.join("support.rs"), include_str!("support.rs"))?;
    compiler::runtime(directory)?;
    compiler::output(compiler::compiler(directory).arg("-o").arg(&program).arg(&main))?;
    compiler::output(&mut Command::new(program))
}
