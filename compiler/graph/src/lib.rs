//! The builder API: tensor handles, operators, compositions.
