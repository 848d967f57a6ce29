//! Which values concern a group while it grows.
//!
//! Most regions that a group passes on its way have nothing to do with it. Whether one has is asked of all that it reads, for each way to cut each region before it within reach: so it takes a
//! look into a table, which is cleared in no time.

use cranelift_entity::SecondaryMap;
use pullback_ir::Value;

/// The values near a group, and those behind it.
#[derive(Default)]
pub(super) struct Reach {
    round: u32,
    /// The round in which a value was last said to be near, and whether it is behind the group.
    marks: SecondaryMap<Value, (u32, bool)>,
}

impl Reach {
    /// Forgets all values, for another group.
    pub(super) fn clear(&mut self) {
        if self.round == u32::MAX {
            *self = Self::default();
        }
        self.round += 1;
    }

    /// Says that a region of the group reads or stores a value.
    pub(super) fn put_near(&mut self, value: Value) {
        if !self.is_near(value) {
            self.marks[value] = (self.round, false);
        }
    }

    /// Says that a value is stored behind the group, because that depends on it.
    pub(super) fn put_behind(&mut self, value: Value) {
        self.marks[value] = (self.round, true);
    }

    /// Whether a value is behind the group, or a region of the group may read or store it: others neither join nor depend on it.
    pub(super) fn is_near(&self, value: Value) -> bool {
        self.marks[value].0 == self.round
    }

    /// Whether a value is stored behind the group.
    pub(super) fn is_behind(&self, value: Value) -> bool {
        self.marks[value] == (self.round, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_behind_stays_behind_until_the_next_group() {
        let [read, stored, other] = [0, 7, 300].map(Value::from_u32);
        let mut reach = Reach::default();
        reach.clear();
        reach.put_near(read);
        reach.put_behind(stored);
        reach.put_near(stored);
        assert_eq!([read, stored, other].map(|value| reach.is_near(value)), [true, true, false]);
        assert_eq!([read, stored, other].map(|value| reach.is_behind(value)), [false, true, false]);
        reach.clear();
        assert_eq!([read, stored, other].map(|value| reach.is_near(value)), [false; 3]);
    }
}
