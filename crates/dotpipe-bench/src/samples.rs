//! What was measured: many values, of which the median and the 99th of a hundred are told.
//!
//! Layer: the lowest. Values are kept in thousandths of their unit (so times in picoseconds), in a
//! histogram with three exact digits, which also is how a worker hands them to the process that
//! started it: one line of text.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Values of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Samples(Histogram<u64>);

/// Digits of a value that are exact.
const DIGITS: u8 = 3;

impl Samples {
    pub(crate) fn new() -> Samples {
        let histogram = Histogram::new(DIGITS);
        // It refuses only numbers of digits that do not exist.
        Samples(histogram.unwrap_or_else(|error| unreachable!("{error}")))
    }

    /// Adds a value, in its unit.
    pub(crate) fn add(&mut self, value: f64) {
        self.add_thousandths((value * 1e3).max(0.0) as u64);
    }

    /// Adds a time, in nanoseconds.
    pub(crate) fn add_time(&mut self, time: Duration) {
        self.add_thousandths(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 1000) * 1000);
    }

    fn add_thousandths(&mut self, value: u64) {
        self.add_many(value, 1);
    }

    fn add_many(&mut self, value: u64, count: u64) {
        // It grows as it must; what is too large even so does not exist here.
        if self.0.record_n(value, count).is_err() {
            self.0.saturating_record_n(value, count);
        }
    }

    pub(crate) fn merge(&mut self, other: &Samples) {
        for value in other.0.iter_recorded() {
            let count = value.count_at_value();
            self.add_many(value.value_iterated_to(), count);
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The value below which this part of all lie, in its unit.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        self.0.value_at_quantile(part) as f64 / 1e3
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    pub(crate) fn p99(&self) -> f64 {
        self.quantile(0.99)
    }
}

impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for value in self.0.iter_recorded() {
            let count = value.count_at_value();
            write!(f, "{separator}{}:{count}", value.value_iterated_to())?;
            separator = ",";
        }
        Ok(())
    }
}

impl FromStr for Samples {
    type Err = io::Error;

    fn from_str(text: &str) -> io::Result<Samples> {
        let mut samples = Samples::new();
        for pair in text.split(',').filter(|pair| !pair.is_empty()) {
            let parsed = pair
                .split_once(':')
                .and_then(|(value, count)| Some((value.parse().ok()?, count.parse().ok()?)));
            let Some((value, count)) = parsed else {
                let complaint = format!("not a value and its count: {pair:?}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, complaint));
            };
            samples.add_many(value, count);
        }
        Ok(samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_p99_are_those_of_all_values() {
        let mut samples = Samples::new();
        for value in 1..=1000 {
            samples.add(f64::from(value));
        }
        assert!((samples.median() - 500.0).abs() <= 1.0);
        assert!((samples.p99() - 990.0).abs() <= 1.0);
        assert_eq!(samples.count(), 1000);
    }

    #[test]
    fn a_line_of_text_brings_them_all_across() {
        let mut samples = Samples::new();
        samples.add_time(Duration::from_nanos(363));
        samples.add_time(Duration::from_micros(67));
        samples.add(0.25);
        let mut back: Samples = samples.to_string().parse().unwrap();
        assert_eq!(back.to_string(), samples.to_string());
        back.merge(&samples);
        assert_eq!(back.count(), 6);
        assert!("1:2,x".parse::<Samples>().is_err());
    }
}
