//! dbt's resource types.

/// What a node is; the names are those of dbt's manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceType {
    Model,
    Seed,
    Snapshot,
    Source,
    Analysis,
    Test,
    UnitTest,
    Exposure,
    Metric,
    SemanticModel,
    SavedQuery,
    Group,
    /// A user-defined function.
    Function,
    /// A hook that runs before or after everything.
    Operation,
}

impl ResourceType {
    pub const ALL: [Self; 14] = [
        Self::Model,
        Self::Seed,
        Self::Snapshot,
        Self::Source,
        Self::Analysis,
        Self::Test,
        Self::UnitTest,
        Self::Exposure,
        Self::Metric,
        Self::SemanticModel,
        Self::SavedQuery,
        Self::Group,
        Self::Function,
        Self::Operation,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Seed => "seed",
            Self::Snapshot => "snapshot",
            Self::Source => "source",
            Self::Analysis => "analysis",
            Self::Test => "test",
            Self::UnitTest => "unit_test",
            Self::Exposure => "exposure",
            Self::Metric => "metric",
            Self::SemanticModel => "semantic_model",
            Self::SavedQuery => "saved_query",
            Self::Group => "group",
            Self::Function => "function",
            Self::Operation => "operation",
        }
    }

    /// Whether `ref()` can name it.
    pub fn is_refable(self) -> bool {
        matches!(self, Self::Model | Self::Seed | Self::Snapshot)
    }

    /// Whether it only checks other nodes.
    pub fn is_test(self) -> bool {
        matches!(self, Self::Test | Self::UnitTest)
    }

    /// Whether dbt lets people describe it with a `description` property.
    pub fn has_description(self) -> bool {
        !matches!(self, Self::Test | Self::Group | Self::Operation)
    }
}

impl std::fmt::Display for ResourceType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
