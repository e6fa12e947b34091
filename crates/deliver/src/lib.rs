//! One HTTP attempt: address guard, deadlines, capture.
