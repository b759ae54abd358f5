//! What the kernel shows of a network interface, in `/sys/class/net`.

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The directory of all interfaces.
const CLASS: &str = "/sys/class/net";

/// A network interface of the kernel's.
#[derive(Debug, Clone)]
pub struct Interface {
    pub name: String,
    directory: PathBuf,
}

impl Interface {
    /// Makes the interface `name`, without looking at it.
    pub fn new(name: &str) -> Self {
        Self::within(Path::new(CLASS), name)
    }

    /// Makes the interface `name` in another directory than the kernel's.
    pub fn within(class: &Path, name: &str) -> Self {
        Self { name: name.to_owned(), directory: class.join(name) }
    }

    /// Returns the text of a file. The kernel refuses to read some while the interface is down: then there is none.
    fn text(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.directory.join(file)).ok().map(|text| text.trim().to_owned())
    }

    /// Returns the state by RFC 2863, such as `up`, `down` or `lowerlayerdown`.
    pub fn state(&self) -> Option<String> {
        self.text("operstate")
    }

    /// Returns whether there is a link, or `None` while the interface is set down.
    pub fn carrier(&self) -> Option<bool> {
        self.text("carrier").map(|text| text == "1")
    }

    /// Returns the speed in Mbit/s. The kernel has -1 without a link.
    pub fn speed(&self) -> Option<u32> {
        self.text("speed")?.parse().ok()
    }

    /// Returns the MAC address.
    pub fn mac(&self) -> Option<String> {
        self.text("address")
    }

    /// Returns the largest packet in bytes, without Ethernet header and CRC.
    pub fn mtu(&self) -> Option<u32> {
        self.text("mtu")?.parse().ok()
    }

    /// Returns the numbers of receive and transmit queues.
    pub fn queues(&self) -> (usize, usize) {
        let entries = fs::read_dir(self.directory.join("queues")).into_iter().flatten().flatten();
        let names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        let count = |prefix: &str| names.iter().filter(|name| name.starts_with(prefix)).count();
        (count("rx-"), count("tx-"))
    }

    /// Returns the directory with a file for each counter.
    pub fn statistics_directory(&self) -> PathBuf {
        self.directory.join("statistics")
    }

    /// Returns all counters by their names, in alphabetical order.
    ///
    /// # Errors
    ///
    /// Fails if the interface is gone, or a file has no number.
    pub fn statistics(&self) -> Result<Vec<(String, u64)>, Box<dyn Error>> {
        let directory = self.statistics_directory();
        let failed = |error: io::Error| format!("cannot read {}: {error}: is {} gone?", directory.display(), self.name);
        let mut counters = Vec::new();
        for entry in fs::read_dir(&directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let text = fs::read_to_string(entry.path()).map_err(failed)?;
            let value = text.trim().parse();
            let value = value.map_err(|_| format!("{} has {text:?}, and no number", entry.path().display()))?;
            counters.push((entry.file_name().to_string_lossy().into_owned(), value));
        }
        counters.sort();
        Ok(counters)
    }

    /// Returns what the kernel shows, but for the counters.
    pub fn describe(&self) -> Value {
        let (receive, transmit) = self.queues();
        json!({
            "name": self.name,
            "state": self.state(),
            "carrier": self.carrier(),
            "speed_mbit_s": self.speed(),
            "mac": self.mac(),
            "mtu": self.mtu(),
            "queues": { "receive": receive, "transmit": transmit },
        })
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Makes the files of an interface `eth7` whose link is up.
    pub fn class() -> tempfile::TempDir {
        let class = tempfile::tempdir().unwrap();
        let eth7 = class.path().join("eth7");
        for directory in ["statistics", "queues/rx-0", "queues/rx-1", "queues/tx-0"] {
            fs::create_dir_all(eth7.join(directory)).unwrap();
        }
        for (file, text) in [
            ("operstate", "up\n"),
            ("carrier", "1\n"),
            ("speed", "10000\n"),
            ("address", "02:82:59:00:00:01\n"),
            ("mtu", "1500\n"),
            ("statistics/rx_packets", "17\n"),
            ("statistics/rx_bytes", "1088\n"),
            ("statistics/tx_dropped", "18446744073709551615\n"),
        ] {
            fs::write(eth7.join(file), text).unwrap();
        }
        class
    }

    #[test]
    fn an_interface_is_as_its_files_say() {
        let class = class();
        let eth7 = Interface::within(class.path(), "eth7");
        assert_eq!((eth7.state().as_deref(), eth7.carrier(), eth7.speed()), (Some("up"), Some(true), Some(10_000)));
        assert_eq!((eth7.mtu(), eth7.queues()), (Some(1500), (2, 1)));
        let counters = [("rx_bytes", 1088), ("rx_packets", 17), ("tx_dropped", u64::MAX)];
        assert_eq!(eth7.statistics().unwrap(), counters.map(|(name, value)| (name.to_owned(), value)));
    }

    #[test]
    fn an_interface_that_is_down_or_gone_has_no_link() {
        let class = class();
        let eth7 = Interface::within(class.path(), "eth7");
        fs::remove_file(class.path().join("eth7/carrier")).unwrap();
        fs::write(class.path().join("eth7/speed"), "-1\n").unwrap();
        assert_eq!((eth7.carrier(), eth7.speed()), (None, None));
        fs::write(class.path().join("eth7/statistics/rx_bytes"), "many\n").unwrap();
        assert!(eth7.statistics().unwrap_err().to_string().contains("and no number"));
        let gone = Interface::within(class.path(), "eth8");
        assert!(gone.statistics().unwrap_err().to_string().contains("is eth8 gone?"));
        assert_eq!((gone.carrier(), gone.queues()), (None, (0, 0)));
    }

    /// Reads the one interface that every machine has.
    #[test]
    fn the_kernel_counts_for_lo() {
        assert!(Interface::new("lo").statistics().unwrap().iter().any(|(name, _)| name == "rx_packets"));
    }
}
