//! Giving up root.

use std::error::Error;
use std::ffi::CString;
use std::io;

/// Drops root and continues as `user`. Root cannot be regained.
pub fn become_user(user: &str) -> Result<(), Box<dyn Error>> {
    let name = CString::new(user)?;
    // SAFETY: the name is a C string; the entry is used before anything else asks for one.
    let entry = unsafe { libc::getpwnam(name.as_ptr()).as_ref() };
    let (uid, gid) =
        entry.map(|entry| (entry.pw_uid, entry.pw_gid)).ok_or_else(|| format!("there is no user {user}"))?;
    // Groups first: without root they cannot be changed any more.
    // SAFETY: the list of groups is empty, and the rest are numbers.
    let results = unsafe { [libc::setgroups(0, std::ptr::null()), libc::setgid(gid), libc::setuid(uid)] };
    if results != [0; 3] {
        return Err(format!("cannot become {user}: {}", io::Error::last_os_error()).into());
    }
    // SAFETY: a question without side effects.
    if uid != 0 && unsafe { libc::setuid(0) } == 0 {
        return Err(format!("became {user}, and root again").into());
    }
    Ok(())
}
