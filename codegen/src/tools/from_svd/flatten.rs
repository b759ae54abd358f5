//! From peripherals, clusters, arrays and lists to registers.
//!
//! A cluster becomes a part of the names of its registers, and an array of clusters makes them arrays. A list whose
//! indices count from 0 becomes an array; any other list becomes a register for each index.

use std::ptr;
use std::rc::Rc;

use svd_rs::array::{descriptions, names};
use svd_rs::{
    Cluster, DeriveFrom, Description, Device, DimElement, EnumeratedValues, Field, FieldInfo, MaybeArray, Name,
    Peripheral, Register, RegisterCluster, RegisterInfo,
};

use super::derive::{Resolver, Scope, cluster_scope};
use super::limits::MAX_ARRAY;

/// The limit of registers after all lists became registers.
const MAX_REGISTERS: usize = 1 << 16;

/// The limit of the ranges of one array.
const MAX_RANGES: usize = 1 << 12;

/// The limit of the fields of a register: several for each bit.
const MAX_FIELDS: usize = 256;

/// The registers of one peripheral, which others may have as well.
pub(super) struct Block<'a> {
    pub peripheral: &'a Peripheral,
    /// The names and addresses of all peripherals with these registers.
    pub places: Vec<(String, u64)>,
    pub registers: Vec<Flat>,
}

/// A register or an array.
pub(super) struct Flat {
    /// Its name, after the names of the clusters around it.
    pub name: String,
    /// Its name and description in the file, without a placeholder.
    pub own: Own,
    /// Its path, for a message.
    pub path: String,
    pub contents: Rc<Contents>,
    pub ranges: Vec<Range>,
    pub is_array: bool,
    /// The number of elements in each array inside the outermost one.
    pub inner: Vec<u32>,
}

/// What the file says of one register, or of all elements of an array.
#[derive(Clone)]
pub(super) struct Own {
    pub name: String,
    pub description: Option<String>,
}

/// Elements at equal distances.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub base: u64,
    pub count: u32,
    pub stride: u32,
}

/// What all registers of an array or list have in common.
pub(super) struct Contents {
    pub info: RegisterInfo,
    pub fields: Vec<Contained>,
}

/// A field with its named values.
pub(super) struct Contained {
    pub info: FieldInfo,
    pub values: Vec<EnumeratedValues>,
}

/// Converts the peripherals of a device.
pub(super) fn flatten<'a>(device: &'a Device, warnings: &mut Vec<String>) -> Result<Vec<Block<'a>>, String> {
    let resolver = Resolver { device };
    let mut blocks: Vec<Block<'a>> = Vec::new();
    let mut left = MAX_REGISTERS;
    for peripheral in &device.peripherals {
        let chain = resolver.peripherals(peripheral)?;
        let has_registers = |one: &&&Peripheral| one.registers.as_ref().is_some_and(|registers| !registers.is_empty());
        let Some(owner) = chain.iter().find(has_registers).copied() else { continue };
        let at = match blocks.iter().position(|block| ptr::eq(block.peripheral, owner)) {
            Some(at) => at,
            None => {
                let scope = resolver.peripheral_scope(owner)?;
                let registers = Vec::new();
                let mut walk = Walk { resolver: &resolver, registers, open: Vec::new(), left: &mut left, warnings };
                walk.scope(
                    scope,
                    &Prefix { name: String::new(), path: owner.name.clone(), offset: 0, dims: Vec::new() },
                )?;
                let registers = walk.registers;
                blocks.push(Block { peripheral: owner, places: Vec::new(), registers });
                blocks.len() - 1
            }
        };
        let places = match peripheral {
            Peripheral::Single(info) => vec![(info.name.clone(), info.base_address)],
            Peripheral::Array(info, dim) => {
                let bases = (0..).map(|element: u64| {
                    info.base_address.saturating_add(element.saturating_mul(dim.dim_increment.into()))
                });
                names(info, dim).zip(bases).collect()
            }
        };
        if let Some(block) = blocks.get_mut(at) {
            block.places.extend(places);
        }
    }
    Ok(blocks)
}

/// What is around a register.
#[derive(Clone)]
struct Prefix {
    name: String,
    path: String,
    offset: u64,
    /// The number of elements and the stride of each array, the outermost first.
    dims: Vec<(u32, u32)>,
}

/// A register or cluster, or an array of them.
struct Place {
    own: Own,
    offset: u64,
    dims: Vec<(u32, u32)>,
}

struct Walk<'a, 'w> {
    resolver: &'w Resolver<'a>,
    registers: Vec<Flat>,
    /// The clusters that are being converted.
    open: Vec<&'a [RegisterCluster]>,
    left: &'w mut usize,
    warnings: &'w mut Vec<String>,
}

impl<'a> Walk<'a, '_> {
    fn scope(&mut self, scope: Scope<'a>, around: &Prefix) -> Result<(), String> {
        if self.open.iter().any(|open| ptr::eq(*open, scope.children)) {
            return Err(format!("cluster `{}` derives from a cluster that it is inside", around.path));
        }
        self.open.push(scope.children);
        for child in scope.children {
            match child {
                RegisterCluster::Register(register) => self.register(register, scope, around)?,
                RegisterCluster::Cluster(cluster) => self.cluster(cluster, scope, around)?,
            }
        }
        self.open.pop();
        Ok(())
    }

    fn cluster(&mut self, cluster: &'a Cluster, scope: Scope<'a>, around: &Prefix) -> Result<(), String> {
        let path = format!("{}.{}", around.path, cluster.name);
        let chain = self.resolver.clusters(cluster, scope, &path)?;
        let mut whole = cluster.clone();
        for (other, _) in chain.iter().skip(1) {
            whole = whole.derive_from(other);
        }
        let inner = cluster_scope(&chain);
        for Place { own, offset, dims } in self.places(&whole, whole.address_offset, &path, around)? {
            let prefix = Prefix { name: format!("{}{}_", around.name, own.name), path: path.clone(), offset, dims };
            self.scope(inner, &prefix)?;
        }
        Ok(())
    }

    fn register(&mut self, register: &'a Register, scope: Scope<'a>, around: &Prefix) -> Result<(), String> {
        let path = format!("{}.{}", around.path, register.name);
        let chain = self.resolver.registers(register, scope, &path)?;
        let mut whole = register.clone();
        for (other, _) in chain.iter().skip(1) {
            whole = whole.derive_from(other);
        }
        let root = chain.last().map_or(scope, |(_, scope)| *scope);
        whole.properties = whole.properties.derive_from(&root.defaults).derive_from(&scope.defaults);
        let mut fields = Vec::new();
        if let Some(owner) = self.resolver.owner(&chain) {
            for field in owner.0.fields() {
                self.field(field, owner, &path, &mut fields)?;
                if fields.len() > MAX_FIELDS {
                    return Err(format!("register `{path}` has more than {MAX_FIELDS} fields"));
                }
            }
        }
        let places = self.places(&whole, whole.address_offset, &path, around)?;
        let mut info = match whole {
            MaybeArray::Single(info) | MaybeArray::Array(info, _) => info,
        };
        info.fields = None;
        let contents = Rc::new(Contents { info, fields });
        for Place { own, offset, dims } in places {
            *self.left = self.left.checked_sub(1).ok_or_else(|| {
                format!("the lists of the file have more than {MAX_REGISTERS} registers, up to `{path}`")
            })?;
            let ranges = ranges(offset, &dims, &path)?;
            let inner = dims.iter().skip(1).map(|(count, _)| *count).collect();
            let (path, contents) = (path.clone(), Rc::clone(&contents));
            let name = format!("{}{}", around.name, own.name);
            self.registers.push(Flat { name, own, path, contents, ranges, is_array: !dims.is_empty(), inner });
        }
        Ok(())
    }

    /// Returns the places of an element: one if it is an array, else one for each index.
    fn places<T: Name + Description>(
        &mut self,
        item: &MaybeArray<T>,
        offset: u32,
        path: &str,
        around: &Prefix,
    ) -> Result<Vec<Place>, String> {
        let (offset, dims) = (around.offset + u64::from(offset), &around.dims);
        let description = item.description();
        let (info, dim) = match item {
            MaybeArray::Single(info) => {
                let own = Own { name: plain(info.name()), description: description.map(str::to_owned) };
                return Ok(vec![Place { own, offset, dims: dims.clone() }]);
            }
            MaybeArray::Array(info, dim) => (info, dim),
        };
        if dim.dim == 0 {
            self.warnings.push(format!("`{path}` is left out: its array has no elements"));
            return Ok(Vec::new());
        }
        let counts = counts_from_zero(dim);
        if counts || info.name().contains("[%s]") {
            if !counts {
                self.warnings
                    .push(format!("the elements of `{path}` have indices of their own, but are numbered from 0"));
            }
            let dims = dims.iter().copied().chain([(dim.dim, dim.dim_increment)]).collect();
            let description = description.map(|text| text.replace("[%s]", "n").replace("%s", "n"));
            return Ok(vec![Place { own: Own { name: array_name(info.name()), description }, offset, dims }]);
        }
        if dim.dim as usize > *self.left {
            return Err(format!("the lists of the file have more than {MAX_REGISTERS} registers, up to `{path}`"));
        }
        let offsets = (0..).map(|element: u64| offset + element * u64::from(dim.dim_increment));
        let all = names(info, dim)
            .zip(descriptions(info, dim))
            .zip(offsets)
            .map(|((name, description), offset)| Place { own: Own { name, description }, offset, dims: dims.clone() });
        Ok(all.collect())
    }

    /// Adds a field, or all fields of a list.
    fn field(
        &mut self,
        field: &'a Field,
        owner: (&'a Register, Scope<'a>),
        path: &str,
        fields: &mut Vec<Contained>,
    ) -> Result<(), String> {
        let path = format!("{path}.{}", field.name);
        let chain = self.resolver.fields(field, owner, &path)?;
        let mut whole = field.clone();
        for (other, _) in chain.iter().skip(1) {
            whole = whole.derive_from(other);
        }
        let mut values = Vec::new();
        if let Some((one, owner)) = chain.iter().find(|(field, _)| !field.enumerated_values.is_empty()) {
            for own in &one.enumerated_values {
                let mut found = self.resolver.values(own, *owner, &path)?.clone();
                found.usage = own.usage.or(found.usage);
                values.push(found);
            }
        }
        match whole {
            MaybeArray::Single(mut info) => {
                info.name = plain(&info.name);
                fields.push(Contained { info, values });
            }
            MaybeArray::Array(info, dim) => {
                if dim.dim as usize > MAX_FIELDS {
                    return Err(format!("field `{path}` is a list of {}, more than {MAX_FIELDS}", dim.dim));
                }
                for ((name, description), element) in names(&info, &dim).zip(descriptions(&info, &dim)).zip(0_u32..) {
                    let mut info = info.clone();
                    let lsb = info.bit_range.offset.saturating_add(element.saturating_mul(dim.dim_increment));
                    info.bit_range.offset = lsb;
                    (info.name, info.description) = (name, description);
                    fields.push(Contained { info, values: values.clone() });
                }
            }
        }
        Ok(())
    }
}

/// Returns a name without a placeholder.
pub(super) fn plain(name: &str) -> String {
    name.replace("[%s]", "").replace("%s", "")
}

/// Returns `true` if the indices of a list count from 0, as in an array.
fn counts_from_zero(dim: &DimElement) -> bool {
    dim.dim_index.as_ref().is_none_or(|indices| indices.iter().zip(0_u32..).all(|(index, at)| *index == at.to_string()))
        && dim.dim_array_index.is_none()
}

/// Returns the name of an array: without the placeholder, or with `n` in its place inside the name.
fn array_name(name: &str) -> String {
    let name = name.replace("[%s]", "%s");
    let (head, tail) = name.split_once("%s").unwrap_or((&name, ""));
    match tail.replace("%s", "") {
        tail if tail.is_empty() => head.trim_end_matches('_').to_owned(),
        tail => format!("{head}n{tail}"),
    }
}

/// Returns the ranges of the elements of arrays inside each other.
fn ranges(base: u64, dims: &[(u32, u32)], path: &str) -> Result<Vec<Range>, String> {
    let elements = dims.iter().fold(1_u64, |all, (count, _)| all.saturating_mul((*count).into()));
    if elements > MAX_ARRAY {
        return Err(format!("`{path}` has {elements} elements, more than {MAX_ARRAY}"));
    }
    let mut ranges = vec![Range { base, count: 1, stride: 0 }];
    for (count, stride) in dims.iter().rev().copied() {
        match ranges.as_mut_slice() {
            [one] if one.count == 1 => (one.count, one.stride) = (count, stride),
            [one] if u64::from(stride) == u64::from(one.count) * u64::from(one.stride) => one.count *= count,
            _ => {
                if ranges.len() * count as usize > MAX_RANGES {
                    return Err(format!("`{path}` has more than {MAX_RANGES} ranges of elements"));
                }
                let step = |element: u32| u64::from(element) * u64::from(stride);
                let all = (0..count).flat_map(|element| {
                    ranges.iter().map(move |range| Range { base: range.base + step(element), ..*range })
                });
                ranges = all.collect();
            }
        }
    }
    Ok(ranges)
}
