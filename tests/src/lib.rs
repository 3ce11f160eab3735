//! Nothing: the tests of the whole are in `integration`, the fixtures in `fixtures`.
