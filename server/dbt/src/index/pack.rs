//! An index as bytes, for the cache: everything but what dbt's artifacts and the state to defer to add, which is laid on again.

use super::{Argument, Column, Description, Diagnostic, Docs, Index, Macro, Node, Patch, Place, Severity, TestMetadata, TestUse};
use crate::artifacts::NodeFacts;
use crate::parallel::in_parallel_each;
use crate::state::Deferred;
use crate::{Config, FileKind, ResourceType};
use data::pack::{Pack, Reader, Writer};
use data::{packed, packed_choice};
use std::sync::Arc;
use vfs::FileId;

/// Nodes that are read by one worker at a time.
const CHUNK: usize = 1024;

packed_choice!(ResourceType: ResourceType::ALL);
packed_choice!(FileKind: FileKind::ALL);
packed_choice!(Severity: [Severity::Error, Severity::Warning, Severity::Information, Severity::Hint]);

packed!(Node {
    unique_id,
    name,
    resource_type,
    package,
    place,
    path,
    patch,
    description,
    columns,
    tests,
    config,
    version,
    source_name,
    source_description,
    source_patch,
    details,
    depends_on,
    inputs,
    unresolved,
    code,
    fqn,
    relative_path,
    database,
    schema,
    alias,
    relation_name,
    tags,
    meta,
    refs,
    sources,
    metrics,
    functions,
    macros,
    doc_blocks,
    test,
    artifacts,
    deferred,
    definition,
});
packed!(Column { name, description, data_type, tests, entry, properties, doc_blocks, catalog_type, is_of_catalog });
packed!(TestMetadata { name, namespace, kwargs, column_name, attached_node, file_key_name });
packed!(Macro {
    unique_id,
    name,
    package,
    place,
    range,
    text,
    path,
    depends_on,
    meta,
    docs,
    parameters,
    is_generic_test,
    supported_languages,
    description,
    arguments,
    patch,
});
packed!(Docs { unique_id, name, package, place, path, text });
packed!(Config { enabled, materialized, schema, database, alias, group, access, tags, values });

packed!(Place { file, range });
packed!(Description { text, written, place });
packed!(Argument { name, data_type, description });
packed!(TestUse { name, arguments, range });
packed!(Patch { place, name, path });
packed!(Diagnostic { place, severity, code, message, dbt });

/// What isn't kept: a node is stripped of it before it is written.
macro_rules! never_packed {
    ($type:ty) => {
        impl Pack for $type {
            fn pack(&self, _: &mut Writer) {}

            fn unpack(_: &mut Reader<'_>) -> Option<Self> {
                None
            }
        }
    };
}

never_packed!(NodeFacts);
never_packed!(Deferred);

impl Index {
    /// Writes the index.
    pub fn pack(&self, writer: &mut Writer) {
        self.project.pack(writer);
        self.packages.pack(writer);
        self.selectors.pack(writer);
        self.own_package_first.pack(writer);
        self.adapter.pack(writer);
        self.quoting.pack(writer);
        self.restricted.pack(writer);
        self.names_with_spaces.pack(writer);
        self.lacks_packages.pack(writer);
        self.has_cycle.pack(writer);
        self.asked_time.pack(writer);
        writer.part(|writer| self.macros.pack(writer));
        writer.part(|writer| self.docs.pack(writer));
        for diagnostics in [&self.told, &self.judged] {
            writer.part(|writer| diagnostics.iter().map(|(file, found)| (*file, found.clone())).collect::<Vec<_>>().pack(writer));
        }
        writer.part(|writer| self.names.paths.iter().map(|(file, path)| (*file, path.clone())).collect::<Vec<_>>().pack(writer));
        let nodes: Vec<&Arc<Node>> = (0..self.nodes.len()).map(|at| self.nodes.shared(at)).collect();
        pack_nodes(writer, &nodes);
        pack_nodes(writer, &self.disabled.iter().collect::<Vec<_>>());
    }

    /// Reads what was written; `None` where it is damaged.
    pub fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        let mut index = Self {
            project: Pack::unpack(reader)?,
            packages: Pack::unpack(reader)?,
            selectors: Pack::unpack(reader)?,
            own_package_first: Pack::unpack(reader)?,
            adapter: Pack::unpack(reader)?,
            quoting: Pack::unpack(reader)?,
            restricted: Pack::unpack(reader)?,
            names_with_spaces: Pack::unpack(reader)?,
            lacks_packages: Pack::unpack(reader)?,
            has_cycle: Pack::unpack(reader)?,
            asked_time: Pack::unpack(reader)?,
            ..Self::default()
        };
        let macros: Vec<Macro> = Pack::unpack(&mut reader.part()?)?;
        let docs: Vec<Docs> = Pack::unpack(&mut reader.part()?)?;
        let told: Vec<(FileId, Vec<Diagnostic>)> = Pack::unpack(&mut reader.part()?)?;
        let judged: Vec<(FileId, Vec<Diagnostic>)> = Pack::unpack(&mut reader.part()?)?;
        let paths: Vec<(FileId, Arc<str>)> = Pack::unpack(&mut reader.part()?)?;
        let nodes = unpack_nodes(reader)?;
        let disabled = unpack_nodes(reader)?;
        let count = nodes.len();
        let mut children = vec![Vec::new(); count];
        for (at, node) in nodes.iter().enumerate() {
            for &parent in &node.depends_on {
                children.get_mut(parent)?.push(at);
            }
        }
        index.children = children.into_iter().collect();
        (index.told, index.judged) = (told.into_iter().collect(), judged.into_iter().collect());
        Arc::make_mut(&mut index.names).paths = paths.into_iter().collect();
        index.set_docs(docs);
        index.nodes = nodes.into_iter().collect();
        index.disabled = Arc::new(disabled);
        index.set_macros(macros);
        index.register();
        Some(index)
    }
}

fn pack_nodes(writer: &mut Writer, nodes: &[&Arc<Node>]) {
    writer.number(nodes.chunks(CHUNK).len() as u64);
    for chunk in nodes.chunks(CHUNK) {
        // Kept until the chunk is written: what shares its contents is known by its place.
        let stripped: Vec<Arc<Node>> = chunk
            .iter()
            .map(|node| {
                let mut node = Arc::clone(node);
                if node.has_facts() {
                    Arc::make_mut(&mut node).strip_facts();
                }
                node
            })
            .collect();
        writer.part(|writer| stripped.pack(writer));
    }
}

fn unpack_nodes(reader: &mut Reader<'_>) -> Option<Vec<Arc<Node>>> {
    let count = reader.count()?;
    let parts: Option<Vec<Reader<'_>>> = (0..count).map(|_| reader.part()).collect();
    // Not `in_parallel`, which takes small pieces together.
    let read = in_parallel_each(&parts?, |part| Vec::<Arc<Node>>::unpack(&mut part.clone()));
    let chunks: Option<Vec<Vec<Arc<Node>>>> = read.into_iter().collect();
    Some(chunks?.into_iter().flatten().collect())
}
