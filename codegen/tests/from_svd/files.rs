//! SVD files of vendors, which are not in this repository.
//!
//! `scripts/svd-files DIRECTORY` fetches them from the packages that carry them, and
//! `SVD_FILES=DIRECTORY cargo test --release -p datasheet-codegen --test from_svd -- --ignored` checks them.

use std::fs;
use std::path::Path;

use super::{Result, compile, converted, walk};
use datasheet_codegen::{lower, read_bytes};

/// The limit of registers of a description whose code is compiled: more take minutes.
const COMPILED: usize = 400;

#[test]
#[ignore = "needs SVD files of vendors: scripts/svd-files fetches them"]
fn of_vendors() -> Result {
    let directory =
        std::env::var_os("SVD_FILES").ok_or("SVD_FILES is not set: run scripts/svd-files DIRECTORY first")?;
    let mut files: Vec<_> =
        fs::read_dir(Path::new(&directory))?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    let (mut checked, mut compiled) = (0, 0);
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let svd = fs::read_to_string(&file)?;
        let converted = converted(&name, &svd)?;
        let description = read_bytes(&name, converted.text.as_bytes()).map_err(|report| report.to_string())?;
        let map = lower::lower(&description);
        let agreed = walk::agree(&svd, &map).map_err(|error| format!("{name}: {error}"))?;
        println!("{name}: {agreed:?}, {} warnings", converted.warnings.len());
        if description.registers.len() <= COMPILED {
            compile(&name, &converted.text).map_err(|error| format!("{name}: {error}"))?;
            compiled += 1;
        }
        checked += 1;
    }
    println!("{checked} files, of which the code of {compiled} was compiled");
    assert!(checked >= 8 && compiled >= 3, "{checked} files, {compiled} compiled");
    Ok(())
}
