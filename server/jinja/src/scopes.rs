//! The variables of a template, frame by frame.

use crate::ast::Name;
use crate::value::Value;
use std::cell::RefCell;
use std::rc::Rc;

type Frame = Rc<RefCell<Vec<(Name, Value)>>>;

/// The variables in sight, the outermost frame first.
#[derive(Clone, Default)]
pub struct Scopes(Vec<Frame>);

impl Scopes {
    pub fn fresh() -> Self {
        Self(vec![Frame::default()])
    }

    pub fn get(&self, name: &str) -> Option<Value> {
        self.0.iter().rev().find_map(|frame| frame.borrow().iter().rev().find(|(key, _)| &**key == name).map(|(_, value)| value.clone()))
    }

    pub fn set(&self, name: &Name, value: Value) {
        if let Some(frame) = self.0.last() {
            let mut frame = frame.borrow_mut();
            match frame.iter_mut().find(|(key, _)| key == name) {
                Some(slot) => slot.1 = value,
                None => frame.push((name.clone(), value)),
            }
        }
    }

    pub fn push(&mut self) {
        self.0.push(Frame::default());
    }

    pub fn pop(&mut self) {
        self.0.pop();
    }
}
