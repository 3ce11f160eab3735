//! What a misspelt name was probably meant to be.

use rapidfuzz::distance::osa;
use std::cmp::Reverse;

/// Of some names the one that differs by the fewest letters, of equal ones the one that begins most alike; at most a third of what was
/// written, and never all of it. Letters that changed places count as one (optimal string alignment).
pub(crate) fn closest<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let length = written.chars().count();
    let mut most = (length.max(3) / 3).min(length.checked_sub(1)?);
    let comparator = osa::BatchComparator::new(written.chars());
    let mut best = None;
    for name in names {
        // A name that is longer or shorter by more letters can't be it.
        if name.chars().count().abs_diff(length) > most {
            continue;
        }
        let Some(distance) = comparator.distance_with_args(name.chars(), &osa::Args::default().score_cutoff(most)) else { continue };
        most = distance;
        let alike = name.chars().zip(written.chars()).take_while(|(one, other)| one == other).count();
        let found = (distance, Reverse(alike), name);
        if best.is_none_or(|best| found < best) {
            best = Some(found);
        }
    }
    best.map(|(.., name)| name)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn few_letters_apart() {
        let names = ["orders", "order_items", "customers", "país", "a"];
        let meant = |written| closest(written, names.into_iter());
        assert_eq!(meant("odrers"), Some("orders"));
        assert_eq!(meant("custmers"), Some("customers"));
        assert_eq!(meant("pais"), Some("país"));
        assert_eq!(meant("payments"), None);
        assert_eq!(meant("b"), None, "a name of one letter is not another one");
        assert_eq!(meant(""), None);
    }

    #[test]
    fn the_nearest_of_many() {
        assert_eq!(closest("stg_order", ["stg_orders_x", "stg_orders", "stg_border"].into_iter()), Some("stg_orders"));
        assert_eq!(closest("stg_orders", ["stg_orderz", "stg_orders"].into_iter()), Some("stg_orders"));
    }
}
