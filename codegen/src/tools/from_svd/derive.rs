//! What an element derives from.
//!
//! A name without a dot names a neighbour; a path begins with a peripheral. An inherited element refers to its
//! neighbours in the file, not to the neighbours of the element that inherits it.

use std::ptr;

use svd_rs::array::names;
use svd_rs::{
    Cluster, DeriveFrom, Device, EnumeratedValues, Field, MaybeArray, Name, Peripheral, Register, RegisterCluster,
    RegisterProperties,
};

/// The limit of paths that must be resolved to resolve a path: more only in a circle.
const MAX_DEPTH: u32 = 32;

/// The registers and clusters of one peripheral or cluster in the file.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub children: &'a [RegisterCluster],
    /// The properties of registers that do not state their own.
    pub defaults: RegisterProperties,
}

/// An element and the scope in which the file has it.
type Found<'a, T> = (&'a T, Scope<'a>);

pub(super) struct Resolver<'a> {
    pub device: &'a Device,
}

fn is_named<T: Name>(item: &MaybeArray<T>, name: &str) -> bool {
    item.name() == name
        || match item {
            MaybeArray::Single(_) => false,
            MaybeArray::Array(info, dim) => {
                let head = info.name().split("%s").next().unwrap_or_default().trim_end_matches('[');
                name.starts_with(head) && names(info, dim).any(|one| one == name)
            }
        }
}

fn circle(kind: &str, at: &str) -> String {
    format!("{kind} `{at}` derives from itself")
}

fn missing(kind: &str, at: &str, from: &str) -> String {
    format!("{kind} `{at}` derives from `{from}`, which the file does not have")
}

impl<'a> Resolver<'a> {
    /// Returns a peripheral and those that it derives from.
    pub fn peripherals(&self, first: &'a Peripheral) -> Result<Vec<&'a Peripheral>, String> {
        let mut chain = vec![first];
        let mut last = first;
        while let Some(from) = &last.derived_from {
            let find = |peripheral: &&Peripheral| is_named(peripheral, from);
            last = self.device.peripherals.iter().find(find).ok_or_else(|| missing("peripheral", &last.name, from))?;
            if chain.iter().any(|earlier| ptr::eq(*earlier, last)) {
                return Err(circle("peripheral", &first.name));
            }
            chain.push(last);
        }
        Ok(chain)
    }

    /// Returns the scope of a peripheral: its own, or the scope of another one that it derives from.
    pub fn peripheral_scope(&self, peripheral: &'a Peripheral) -> Result<Scope<'a>, String> {
        let chain = self.peripherals(peripheral)?;
        let at = chain.iter().position(|one| one.registers.as_ref().is_some_and(|registers| !registers.is_empty()));
        let Some(owner) = at else {
            return Ok(Scope { children: &[], defaults: self.device.default_register_properties });
        };
        let mut defaults = RegisterProperties::default();
        for one in chain.iter().skip(owner) {
            defaults = defaults.derive_from(&one.default_register_properties);
        }
        defaults = defaults.derive_from(&self.device.default_register_properties);
        let children = chain.get(owner).and_then(|owner| owner.registers.as_deref()).unwrap_or_default();
        Ok(Scope { children, defaults })
    }

    /// Returns a cluster and those that it derives from.
    pub fn clusters(
        &self,
        cluster: &'a Cluster,
        scope: Scope<'a>,
        at: &str,
    ) -> Result<Vec<Found<'a, Cluster>>, String> {
        self.clusters_at(cluster, scope, at, 0)
    }

    fn clusters_at(
        &self,
        cluster: &'a Cluster,
        scope: Scope<'a>,
        at: &str,
        depth: u32,
    ) -> Result<Vec<Found<'a, Cluster>>, String> {
        let find = |scope: Scope<'a>, name: &str| {
            scope.children.iter().find_map(|child| match child {
                RegisterCluster::Cluster(cluster) if is_named(cluster, name) => Some(cluster),
                _ => None,
            })
        };
        self.chain("cluster", cluster, scope, at, depth, |cluster| cluster.derived_from.as_deref(), find)
    }

    /// Returns a register and those that it derives from.
    pub fn registers(
        &self,
        register: &'a Register,
        scope: Scope<'a>,
        at: &str,
    ) -> Result<Vec<Found<'a, Register>>, String> {
        self.chain("register", register, scope, at, 0, |register| register.derived_from.as_deref(), find_register)
    }

    #[expect(clippy::too_many_arguments, reason = "the two users differ in all of them")]
    fn chain<T>(
        &self,
        kind: &str,
        first: &'a T,
        scope: Scope<'a>,
        at: &str,
        depth: u32,
        derived_from: impl Fn(&'a T) -> Option<&'a str>,
        find: impl Fn(Scope<'a>, &str) -> Option<&'a T>,
    ) -> Result<Vec<Found<'a, T>>, String> {
        let mut chain = vec![(first, scope)];
        let (mut last, mut scope) = (first, scope);
        while let Some(from) = derived_from(last) {
            let name = match from.rsplit_once('.') {
                None => from,
                Some((path, name)) => {
                    scope = self.scope(path, depth)?.ok_or_else(|| missing(kind, at, from))?;
                    name
                }
            };
            last = find(scope, name).ok_or_else(|| missing(kind, at, from))?;
            if chain.iter().any(|(earlier, _)| ptr::eq(*earlier, last)) {
                return Err(circle(kind, at));
            }
            chain.push((last, scope));
        }
        Ok(chain)
    }

    /// Returns the scope of the peripheral or cluster with this path, if the file has it.
    fn scope(&self, path: &str, depth: u32) -> Result<Option<Scope<'a>>, String> {
        if depth == MAX_DEPTH {
            return Err(circle("cluster", path));
        }
        let mut parts = path.split('.');
        let name = parts.next().unwrap_or_default();
        let Some(peripheral) = self.device.peripherals.iter().find(|peripheral| is_named(peripheral, name)) else {
            return Ok(None);
        };
        let mut scope = self.peripheral_scope(peripheral)?;
        for name in parts {
            let cluster = scope.children.iter().find_map(|child| match child {
                RegisterCluster::Cluster(cluster) if is_named(cluster, name) => Some(cluster),
                _ => None,
            });
            let Some(cluster) = cluster else { return Ok(None) };
            scope = cluster_scope(&self.clusters_at(cluster, scope, path, depth + 1)?);
        }
        Ok(Some(scope))
    }

    /// Returns a field and those that it derives from, each with the fields around it.
    pub fn fields(
        &self,
        field: &'a Field,
        owner: Found<'a, Register>,
        at: &str,
    ) -> Result<Vec<(&'a Field, Found<'a, Register>)>, String> {
        let mut chain = vec![(field, owner)];
        let (mut last, mut owner) = (field, owner);
        while let Some(from) = &last.derived_from {
            let (register, name) =
                from.rsplit_once('.').map_or((None, from.as_str()), |(path, name)| (Some(path), name));
            if let Some(path) = register {
                owner = self.register(path, owner.1)?.ok_or_else(|| missing("field", at, from))?;
            }
            last = find_field(owner.0, name).ok_or_else(|| missing("field", at, from))?;
            if chain.iter().any(|(earlier, _)| ptr::eq(*earlier, last)) {
                return Err(circle("field", at));
            }
            chain.push((last, owner));
        }
        Ok(chain)
    }

    /// Returns the register that has its own fields among one and those that it derives from.
    pub fn owner(&self, chain: &[Found<'a, Register>]) -> Option<Found<'a, Register>> {
        chain.iter().find(|(register, _)| register.fields.is_some()).copied()
    }

    fn register(&self, path: &str, scope: Scope<'a>) -> Result<Option<Found<'a, Register>>, String> {
        let (scope, name) = match path.rsplit_once('.') {
            None => (Some(scope), path),
            Some((path, name)) => (self.scope(path, 0)?, name),
        };
        let Some((scope, register)) = scope.and_then(|scope| Some((scope, find_register(scope, name)?))) else {
            return Ok(None);
        };
        Ok(self.owner(&self.registers(register, scope, path)?))
    }

    /// Returns the named values: their own, or the values of others that they derive from.
    pub fn values(
        &self,
        values: &'a EnumeratedValues,
        owner: Found<'a, Register>,
        at: &str,
    ) -> Result<&'a EnumeratedValues, String> {
        let kind = "an enumeratedValues of field";
        let mut seen = vec![values];
        let (mut last, mut owner) = (values, owner);
        while let (Some(from), true) = (&last.derived_from, last.values.is_empty()) {
            let parts: Vec<_> = from.rsplitn(3, '.').collect();
            let found = match parts.as_slice() {
                [name] => owner.0.fields().find_map(|field| find_values(field, name)),
                [name, field] => find_field(owner.0, field).and_then(|field| find_values(field, name)),
                [name, field, path] => {
                    owner = self.register(path, owner.1)?.ok_or_else(|| missing(kind, at, from))?;
                    find_field(owner.0, field).and_then(|field| find_values(field, name))
                }
                _ => None,
            };
            last = found.ok_or_else(|| missing(kind, at, from))?;
            if seen.iter().any(|earlier| ptr::eq(*earlier, last)) {
                return Err(circle(kind, at));
            }
            seen.push(last);
        }
        Ok(last)
    }
}

/// Returns the scope inside a cluster: the children of the first one that has any.
pub(super) fn cluster_scope<'a>(chain: &[Found<'a, Cluster>]) -> Scope<'a> {
    let owner = chain.iter().position(|(cluster, _)| !cluster.children.is_empty()).unwrap_or(0);
    let mut defaults = RegisterProperties::default();
    for (cluster, _) in chain.iter().skip(owner) {
        defaults = defaults.derive_from(&cluster.default_register_properties);
    }
    match chain.get(owner) {
        Some((cluster, scope)) => {
            Scope { children: &cluster.children, defaults: defaults.derive_from(&scope.defaults) }
        }
        None => Scope { children: &[], defaults },
    }
}

fn find_register<'a>(scope: Scope<'a>, name: &str) -> Option<&'a Register> {
    scope.children.iter().find_map(|child| match child {
        RegisterCluster::Register(register) if is_named(register, name) => Some(register),
        _ => None,
    })
}

fn find_field<'a>(register: &'a Register, name: &str) -> Option<&'a Field> {
    register.fields().find(|field| is_named(field, name))
}

fn find_values<'a>(field: &'a Field, name: &str) -> Option<&'a EnumeratedValues> {
    field.enumerated_values.iter().find(|values| values.name.as_deref() == Some(name))
}
