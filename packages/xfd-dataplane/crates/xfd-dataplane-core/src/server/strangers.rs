//! Connections that have not shown a token yet, by where they come from.
//!
//! If there is no room for one more, the address that has most of them gives up its oldest. So an
//! address that opens many connections pushes out its own, and never the few of a peer that is
//! about to show its token.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};

use tokio_util::sync::CancellationToken;

/// What one stranger counts by: an address of IPv4, or a network of IPv6 (its first 64 bits), in
/// which one host has as many addresses as it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Neighbour(IpAddr);

impl From<IpAddr> for Neighbour {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) if !v6.is_loopback() => {
                let network = u128::from(v6) & (u128::MAX << 64);
                IpAddr::V6(Ipv6Addr::from(network))
            }
            other => other,
        })
    }
}

/// All strangers of a server, each with the token that ends its connection.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    by_neighbour: HashMap<Neighbour, BTreeMap<u64, CancellationToken>>,
    count: usize,
}

impl Strangers {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Takes one in; numbers rise.
    pub(crate) fn insert(&mut self, of: Neighbour, number: u64, ended: CancellationToken) {
        self.by_neighbour
            .entry(of)
            .or_default()
            .insert(number, ended);
        self.count += 1;
    }

    /// Takes one out; false if it is not there any more.
    pub(crate) fn remove(&mut self, of: Neighbour, number: u64) -> bool {
        let Some(its) = self.by_neighbour.get_mut(&of) else {
            return false;
        };
        let was_there = its.remove(&number).is_some();
        if its.is_empty() {
            self.by_neighbour.remove(&of);
        }
        self.count -= usize::from(was_there);
        was_there
    }

    /// Ends the oldest one of the address that has most. False if there is none.
    pub(crate) fn end_one(&mut self) -> bool {
        let crowd = self
            .by_neighbour
            .iter()
            .filter_map(|(of, its)| Some((its.len(), its.first_key_value()?, *of)))
            .max_by_key(|(count, (number, _), _)| (*count, u64::MAX - **number));
        let Some((_, (&number, ended), of)) = crowd else {
            return false;
        };
        ended.cancel();
        self.remove(of, number)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tokio_util::sync::CancellationToken;

    use super::{Neighbour, Strangers};

    fn of(address: &str) -> Neighbour {
        Neighbour::from(address.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn one_host_is_one_neighbour_whatever_addresses_it_takes() {
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::2:3:4:5"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    }

    #[test]
    fn the_address_with_most_gives_up_its_oldest() {
        let mut all = Strangers::default();
        let tokens: Vec<_> = (0..5).map(|_| CancellationToken::new()).collect();
        let from = ["10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.3", "10.0.0.3"];
        for (number, address) in (0..).zip(from) {
            all.insert(
                of(address),
                number,
                tokens[usize::try_from(number).unwrap()].clone(),
            );
        }
        let mut order = Vec::new();
        while all.end_one() {
            let ended = tokens.iter().map(CancellationToken::is_cancelled);
            order.push(ended.filter(|it| *it).count());
            if order.len() == 2 {
                let ended: Vec<bool> = tokens.iter().map(CancellationToken::is_cancelled).collect();
                assert_eq!(ended, [false, true, false, true, false]);
            }
        }
        assert_eq!((order, all.len()), (vec![1, 2, 3, 4, 5], 0));
        assert!(!all.remove(of("10.0.0.1"), 0));
    }
}
