// Markdown of answers as HTML: no HTML of its own, links only to the web, SQL and YAML in colours.

import hljs from 'highlight.js/lib/core';
import sql from 'highlight.js/lib/languages/sql';
import yaml from 'highlight.js/lib/languages/yaml';
import MarkdownIt from 'markdown-it';
import type { Citation } from '../protocol';

hljs.registerLanguage('sql', sql);
hljs.registerLanguage('yaml', yaml);

const markdown = new MarkdownIt({
  html: false,
  linkify: false,
  highlight: (code, language) => (hljs.getLanguage(language) ? hljs.highlight(code, { language }).value : ''),
});
markdown.validateLink = (url) => /^https?:\/\//i.test(url);
// Pictures would tell somebody else's server that they were looked at.
markdown.disable('image');

export function toHtml(text: string): string {
  return markdown.render(text);
}

/** What a citation is called: its node, its column, its file and line. */
export function citationText(citation: Citation): string {
  const name = citation.column ? `${citation.uniqueId}.${citation.column}` : citation.uniqueId;
  if (!citation.uri) {
    return name;
  }
  const file = decodeURIComponent(citation.uri.slice(citation.uri.lastIndexOf('/') + 1));
  return `${name} (${file}${citation.range ? `:${citation.range.start.line + 1}` : ''})`;
}
