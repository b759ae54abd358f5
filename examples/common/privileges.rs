//! Giving up root.

use std::error::Error;

use nix::unistd::{Uid, User, setgid, setgroups, setuid};

/// Drops root and continues as the user `name`. Root cannot be regained.
pub fn become_user(name: &str) -> Result<(), Box<dyn Error>> {
    let user = User::from_name(name)?.ok_or_else(|| format!("there is no user {name}"))?;
    // Groups first: without root they cannot be changed any more.
    let dropped = setgroups(&[]).and_then(|()| setgid(user.gid)).and_then(|()| setuid(user.uid));
    dropped.map_err(|error| format!("cannot become {name}: {error}"))?;
    if !user.uid.is_root() && setuid(Uid::from_raw(0)).is_ok() {
        return Err(format!("became {name}, and root again").into());
    }
    Ok(())
}
