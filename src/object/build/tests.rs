//! Templates in, objects out.
