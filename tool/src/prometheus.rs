//! The text format of Prometheus, version 0.0.4.

use std::fmt::Write;

/// A metric: one name, and a value for each set of labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    pub name: String,
    pub help: String,
    pub kind: Kind,
    pub samples: Vec<Sample>,
}

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only rises.
    Counter,
    Gauge,
}

/// A value, with labels: names and values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    pub labels: Vec<(&'static str, String)>,
    pub value: u64,
}

/// Returns the name of the metric for the counter `name` of the library or the kernel: `rx_octets` becomes
/// `ixgbe_receive_bytes_total`. The unit stands last but for `total`, as in base units of Prometheus.
pub fn counter_name(name: &str) -> String {
    let name: String = name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
    let name = name.to_ascii_lowercase().replace("octets", "bytes").replace("bytes_with_crc", "with_crc_bytes");
    let (direction, rest) = match name.split_once('_') {
        Some(("rx", rest)) => ("receive_", rest),
        Some(("tx", rest)) => ("transmit_", rest),
        _ => ("", &*name),
    };
    format!("ixgbe_{direction}{rest}_total")
}

/// Returns the text of all metrics. The samples of one metric stand together, as the format requires.
pub fn text(metrics: &[Metric]) -> String {
    let mut text = String::new();
    for Metric { name, help, kind, samples } in metrics {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        // Writing to a string cannot fail.
        _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", help.replace('\\', "\\\\").replace('\n', "\\n"));
        for Sample { labels, value } in samples {
            let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let labels: Vec<_> = labels.iter().map(|(name, text)| format!("{name}=\"{}\"", quote(text))).collect();
            _ = writeln!(text, "{name}{{{}}} {value}", labels.join(","));
        }
    }
    text
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Names of labels, and their values.
    pub type Labels = Vec<(String, String)>;

    /// Parses the format by its grammar. Returns the samples: name, labels and value.
    ///
    /// # Errors
    ///
    /// Says which line breaks which rule. A sample must stand below the type of its metric, which comes once.
    pub fn parse(text: &str) -> Result<Vec<(String, Labels, f64)>, String> {
        let mut samples = Vec::new();
        let mut typed: Vec<String> = Vec::new();
        for line in text.split_terminator('\n') {
            let wrong = |why: &str| format!("{why}: {line:?}");
            if let Some(rest) = line.strip_prefix("# HELP ") {
                rest.split_once(' ').filter(|(name, _)| is_name(name)).ok_or_else(|| wrong("no name of a metric"))?;
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').ok_or_else(|| wrong("no type"))?;
                if !is_name(name) || !["counter", "gauge"].contains(&kind) || typed.iter().any(|other| other == name) {
                    return Err(wrong("a wrong or second type"));
                }
                typed.push(name.to_owned());
            } else {
                let (name, rest) = line.split_once('{').ok_or_else(|| wrong("no labels"))?;
                if typed.last().map(String::as_str) != Some(name) {
                    return Err(wrong("not below its type"));
                }
                let (labels, rest) = labels(rest).ok_or_else(|| wrong("malformed labels"))?;
                let value = rest.strip_prefix(' ').and_then(|value| value.parse().ok());
                samples.push((name.to_owned(), labels, value.ok_or_else(|| wrong("no value"))?));
            }
        }
        Ok(samples)
    }

    fn is_name(name: &str) -> bool {
        let mut letters = name.chars();
        let first = letters.next().is_some_and(|letter| letter.is_ascii_alphabetic() || "_:".contains(letter));
        first && letters.all(|letter| letter.is_ascii_alphanumeric() || "_:".contains(letter))
    }

    /// Parses labels up to the closing brace. Returns them, and what follows.
    fn labels(mut rest: &str) -> Option<(Labels, &str)> {
        let mut labels = Vec::new();
        loop {
            if let Some(rest) = rest.strip_prefix('}') {
                return Some((labels, rest));
            }
            let (name, value) = rest.split_once("=\"")?;
            let mut letters = value.char_indices();
            let mut text = String::new();
            let end = loop {
                match letters.next()? {
                    (at, '"') => break at + 1,
                    (_, '\\') => text.push(match letters.next()?.1 {
                        'n' => '\n',
                        quoted @ ('\\' | '"') => quoted,
                        _ => return None,
                    }),
                    (_, letter) => text.push(letter),
                }
            };
            labels.push((is_name(name).then(|| name.to_owned())?, text));
            rest = value[end..].strip_prefix(',').unwrap_or(&value[end..]);
        }
    }

    #[test]
    fn names_follow_the_conventions() {
        for (name, metric) in [
            ("rx_packets", "ixgbe_receive_packets_total"),
            ("tx_octets", "ixgbe_transmit_bytes_total"),
            ("rx_good_octets_with_crc", "ixgbe_receive_good_with_crc_bytes_total"),
            ("drops.long", "ixgbe_drops_long_total"),
            ("multicast", "ixgbe_multicast_total"),
        ] {
            assert_eq!(counter_name(name), metric);
        }
    }

    #[test]
    fn the_parser_refuses_what_is_not_in_the_format() {
        let typed = "# TYPE a counter\n";
        for line in ["a 1", "a{} ", "b{} 1", "a{x=\"1} 1", "a{x=\"\\q\"} 1", "a{1x=\"\"} 1", "# TYPE a gauge"] {
            assert!(parse(&format!("{typed}{line}\n")).is_err(), "{line}");
        }
        assert_eq!(parse(&format!("{typed}a{{}} 1\n")), Ok(vec![("a".into(), vec![], 1.0)]));
    }

    proptest! {
        #[test]
        fn whatever_is_written_reads_back(
            counters in proptest::collection::btree_map("[ -~]{1,20}", (any::<u64>(), any::<String>()), 0..8),
            help: String,
        ) {
            let mut metrics = Vec::<Metric>::new();
            for (name, (value, label)) in &counters {
                let sample = Sample { labels: vec![("interface", label.clone()), ("queue", "3".into())], value: *value };
                let name = counter_name(name);
                match metrics.iter_mut().find(|metric| metric.name == name) {
                    Some(metric) => metric.samples.push(sample),
                    None => metrics.push(Metric { name, help: help.clone(), kind: Kind::Counter, samples: vec![sample] }),
                }
            }
            let parsed = parse(&text(&metrics));
            let expected = metrics.iter().flat_map(|metric| {
                metric.samples.iter().map(|sample| {
                    let labels = sample.labels.iter().map(|(name, text)| ((*name).to_owned(), text.clone()));
                    (metric.name.clone(), labels.collect::<Vec<_>>(), sample.value as f64)
                })
            });
            prop_assert_eq!(parsed, Ok(expected.collect::<Vec<_>>()));
        }
    }
}
