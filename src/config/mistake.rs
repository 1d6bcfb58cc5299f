//! A mistake in the configuration, as it is told: where, what is wrong, what would be right.

/// Something in the configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where: table and field names from the variable's name on, such as `HOOKS`, `crm`, `params`, `rows`.
    pub path: Vec<String>,
    /// What is wrong.
    pub problem: String,
    /// What would be right.
    pub remedy: String,
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}; {}", self.path.join("."), self.problem, self.remedy)
    }
}
