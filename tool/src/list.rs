//! `ixgbectl list`: the functions of 82599s in this machine.

use std::error::Error;
use std::io::Write;

use ixgbe::linux::FunctionInfo;
use serde_json::{Value, json};

use crate::Outcome;
use crate::arguments::List;

pub fn run(arguments: &List, out: &mut dyn Write) -> Result<Outcome, Box<dyn Error>> {
    let functions = FunctionInfo::all()?;
    if arguments.json {
        let all: Value = functions.iter().map(describe).collect();
        writeln!(out, "{all:#}")?;
    } else {
        print(&functions, out)?;
    }
    Ok(if functions.is_empty() { Outcome::Finding } else { Outcome::Fine })
}

fn print(functions: &[FunctionInfo], out: &mut dyn Write) -> std::io::Result<()> {
    if functions.is_empty() {
        return writeln!(out, "no 82599 was found");
    }
    writeln!(out, "{:<12}  {:<21}  {:<9}  {:>5}  {:>4}  interface", "address", "device", "driver", "group", "NUMA")?;
    let number = |number: Option<u32>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    for function in functions {
        writeln!(
            out,
            "{:<12}  {:<21}  {:<9}  {:>5}  {:>4}  {}",
            function.address.to_string(),
            function.name,
            function.driver.as_deref().unwrap_or("-"),
            number(function.iommu_group),
            number(function.locality.node().map(|node| node.0)),
            if function.interfaces.is_empty() { "-".to_owned() } else { function.interfaces.join(", ") },
        )?;
    }
    Ok(())
}

/// Returns what the kernel shows of a function.
pub fn describe(function: &FunctionInfo) -> Value {
    json!({
        "address": function.address.to_string(),
        "device": function.name,
        "id": format!("8086:{:04x}", function.device),
        "virtual": function.is_virtual,
        "driver": function.driver,
        "iommu_group": function.iommu_group,
        "numa_node": function.locality.node().map(|node| node.0),
        "cpus": function.locality.cpus(),
        "interfaces": function.interfaces,
    })
}
