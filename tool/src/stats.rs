//! `ixgbectl stats`: the counters that the driver of a port keeps.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ixgbe::linux::{FunctionInfo, PciAddress};
use serde_json::{Map, Value, json};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::Outcome;
use crate::arguments::{Stats, Target};
use crate::interface::Interface;
use crate::prometheus::{self, Kind, Metric, Sample};

/// The pause between two looks at whether the program was asked to end.
const LOOK: Duration = Duration::from_millis(100);

/// A counter, as its source names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    pub name: String,
    /// What it counts for, if not for the whole port: `queue` or `priority`, and which.
    pub part: Option<(&'static str, usize)>,
    pub value: u64,
}

/// Where counters come from.
pub trait Source {
    /// Returns the labels of all its samples.
    fn labels(&self) -> Vec<(&'static str, String)>;
    /// Returns in a few words where the counters come from.
    fn origin(&self) -> String;
    /// Returns whether there is a link, and all counters.
    ///
    /// # Errors
    ///
    /// Fails if the port is gone.
    fn read(&mut self) -> Result<(bool, Vec<Count>), Box<dyn Error>>;
}

/// The network interface that the kernel's driver made of a function.
struct KernelInterface {
    address: PciAddress,
    interface: Interface,
}

impl Source for KernelInterface {
    fn labels(&self) -> Vec<(&'static str, String)> {
        vec![("address", self.address.to_string()), ("interface", self.interface.name.clone())]
    }

    fn origin(&self) -> String {
        self.interface.statistics_directory().display().to_string()
    }

    fn read(&mut self) -> Result<(bool, Vec<Count>), Box<dyn Error>> {
        let counts = self.interface.statistics()?.into_iter().map(|(name, value)| Count { name, part: None, value });
        Ok((self.interface.carrier() == Some(true), counts.collect()))
    }
}

pub fn run(arguments: &Stats, out: &mut dyn Write) -> Result<Outcome, Box<dyn Error>> {
    let mut source = open(arguments.target)?;
    let Some(seconds) = arguments.watch else {
        let (up, counts) = source.read()?;
        if arguments.prometheus {
            write!(out, "{}", prometheus::text(&metrics(&source.labels(), up, &counts)))?;
        } else if arguments.json {
            writeln!(out, "{}", describe(&*source, up, &counts))?;
        } else {
            print(&*source, &counts, None, out)?;
        }
        return Ok(Outcome::Fine);
    };
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&interrupted))?;
    }
    watch(&mut *source, Duration::from_secs(seconds), arguments.json, &interrupted, out)?;
    Ok(Outcome::Fine)
}

/// Opens the source of a port's counters.
fn open(target: Target) -> Result<Box<dyn Source>, Box<dyn Error>> {
    match target {
        Target::Function(address) => Ok(Box::new(of_kernel(address)?)),
        #[cfg(feature = "model")]
        Target::Model => Ok(Box::new(crate::model::Running::start()?)),
    }
}

/// Returns the interface that the kernel made of the function at `address`.
///
/// # Errors
///
/// Refuses a port whose driver keeps its counters to itself: reading the chip's would clear them.
fn of_kernel(address: PciAddress) -> Result<KernelInterface, Box<dyn Error>> {
    let function = FunctionInfo::of(address)?;
    let Some(name) = function.interfaces.first() else {
        return Err(match function.driver {
            Some(driver) => format!(
                "{address} has the driver {driver} and no network interface here: its counters are cleared when they are \
                 read, so only the program that drives it can show them (Control::statistics)"
            ),
            None => format!("{address} has no driver, so nobody counts: bind it to one first"),
        }
        .into());
    };
    Ok(KernelInterface { address, interface: Interface::new(name) })
}

/// Prints the counters again and again, until `interrupted`.
fn watch(
    source: &mut dyn Source,
    interval: Duration,
    json: bool,
    interrupted: &AtomicBool,
    out: &mut dyn Write,
) -> Result<(), Box<dyn Error>> {
    let (mut up, mut counts) = source.read()?;
    let mut last = Instant::now();
    if json {
        writeln!(out, "{}", describe(source, up, &counts))?;
    }
    loop {
        while last.elapsed() < interval {
            if interrupted.load(Ordering::Relaxed) {
                return Ok(());
            }
            std::thread::sleep(LOOK.min(interval.saturating_sub(last.elapsed())));
        }
        let before = std::mem::take(&mut counts);
        let time = last.elapsed();
        (up, counts) = source.read()?;
        last = Instant::now();
        if json {
            writeln!(out, "{}", describe(source, up, &counts))?;
        } else {
            print(source, &counts, Some((&before, time)), out)?;
        }
        out.flush()?;
    }
}

/// Prints counters that are not 0, and with earlier values the rate of each.
fn print(
    source: &dyn Source,
    counts: &[Count],
    before: Option<(&[Count], Duration)>,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    writeln!(out, "counters from {}:", source.origin())?;
    if counts.iter().all(|count| count.value == 0) {
        return writeln!(out, "  all are 0");
    }
    for count in counts.iter().filter(|count| count.value != 0) {
        let name = count.part.map_or_else(|| count.name.clone(), |(_, index)| format!("{}[{index}]", count.name));
        write!(out, "  {name:<32} {:>20}", count.value)?;
        if let Some((before, time)) = before {
            let same = |other: &&Count| other.name == count.name && other.part == count.part;
            let earlier = before.iter().find(same).map_or(0, |other| other.value);
            // An interface that was made anew counts from 0.
            let rate = count.value.saturating_sub(earlier) as f64 / time.as_secs_f64().max(f64::EPSILON);
            write!(out, " {rate:>16.1}/s")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn describe(source: &dyn Source, up: bool, counts: &[Count]) -> Value {
    let mut counters = Map::new();
    for Count { name, part, value } in counts {
        match part {
            None => _ = counters.insert(name.clone(), (*value).into()),
            Some((kind, index)) => {
                // A queue has counters with the names of the port's.
                let parts = counters.entry(format!("{kind}_{name}")).or_insert_with(|| json!({}));
                parts[index.to_string()] = (*value).into();
            }
        }
    }
    let labels: Map<_, _> = source.labels().into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect();
    let mut all = Value::from(labels);
    all["source"] = source.origin().into();
    all["link_up"] = up.into();
    all["counters"] = counters.into();
    all
}

/// Returns all counters as metrics. Those of queues and priorities have names of their own: a sum over all samples of a
/// name counts nothing twice.
fn metrics(labels: &[(&'static str, String)], up: bool, counts: &[Count]) -> Vec<Metric> {
    let mut metrics = vec![Metric {
        name: "ixgbe_link_up".to_owned(),
        help: "1 if the port has a link.".to_owned(),
        kind: Kind::Gauge,
        samples: vec![Sample { labels: labels.to_vec(), value: up.into() }],
    }];
    for Count { name, part, value } in counts {
        let (metric, mut labels) = (prometheus::counter_name(name), labels.to_vec());
        let metric = match part {
            Some((kind, index)) => {
                labels.push((kind, index.to_string()));
                if *kind == "queue" { metric.replacen("ixgbe_", "ixgbe_queue_", 1) } else { metric }
            }
            None => metric,
        };
        let sample = Sample { labels, value: *value };
        match metrics.iter_mut().find(|other| other.name == metric) {
            Some(known) => known.samples.push(sample),
            None => {
                let help = format!("The counter {name}.");
                metrics.push(Metric { name: metric, help, kind: Kind::Counter, samples: vec![sample] });
            }
        }
    }
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::tests::class;
    use crate::prometheus::tests::parse;

    fn kernels(class: &tempfile::TempDir) -> KernelInterface {
        let interface = Interface::within(class.path(), "eth7");
        KernelInterface { address: "0000:03:00.0".parse().unwrap(), interface }
    }

    #[test]
    fn the_kernels_counters_are_shown_in_each_form() {
        let class = class();
        let mut source = kernels(&class);
        let (up, counts) = source.read().unwrap();
        let mut text = Vec::new();
        print(&source, &counts, None, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with("counters from /") && text.contains("eth7/statistics:\n"), "{text}");
        assert!(text.contains("rx_packets                                         17\n"), "{text}");
        let json = describe(&source, up, &counts);
        assert_eq!((&json["counters"]["rx_bytes"], &json["link_up"]), (&json!(1088), &json!(true)));
        let samples = parse(&prometheus::text(&metrics(&source.labels(), up, &counts))).unwrap();
        let labels = |labels: &[(&str, &str)]| -> Vec<(String, String)> {
            labels.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        let expected = labels(&[("address", "0000:03:00.0"), ("interface", "eth7")]);
        assert!(samples.contains(&("ixgbe_receive_packets_total".into(), expected.clone(), 17.0)), "{samples:?}");
        assert!(samples.contains(&("ixgbe_link_up".into(), expected, 1.0)));
    }

    #[test]
    fn a_watch_shows_rates_and_ends_when_asked() {
        let class = class();
        let mut source = kernels(&class);
        let (_, before) = source.read().unwrap();
        std::fs::write(class.path().join("eth7/statistics/rx_packets"), "27\n").unwrap();
        let (_, counts) = source.read().unwrap();
        let mut text = Vec::new();
        print(&source, &counts, Some((&before, Duration::from_secs(2))), &mut text).unwrap();
        assert!(String::from_utf8(text).unwrap().contains("27              5.0/s\n"));
        let interrupted = AtomicBool::new(true);
        watch(&mut source, Duration::from_secs(3600), false, &interrupted, &mut Vec::new()).unwrap();
        // The interface goes away meanwhile.
        drop(class);
        let error = watch(&mut source, Duration::ZERO, false, &AtomicBool::new(false), &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("is eth7 gone?"), "{error}");
    }

    #[cfg(feature = "model")]
    #[test]
    fn the_librarys_counters_are_metrics_without_collisions() {
        let mut source = crate::model::Running::start().unwrap();
        let (up, counts) = source.read().unwrap();
        assert!(up && counts.len() > 100, "{} counters", counts.len());
        let count = |name: &str| counts.iter().find(|count| count.name == name && count.part.is_none()).unwrap().value;
        assert_eq!(count("rx_packets"), crate::model::FRAMES);
        let all = metrics(&source.labels(), up, &counts);
        let samples = parse(&prometheus::text(&all)).unwrap();
        assert_eq!(samples.len(), counts.len() + 1, "each counter is one sample");
        for (index, (name, labels, _)) in samples.iter().enumerate() {
            let twice = samples[..index].iter().any(|(other, those, _)| other == name && those == labels);
            assert!(!twice, "{name} {labels:?} is there twice");
        }
    }
}
