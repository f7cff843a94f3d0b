// SPDX-License-Identifier: Apache-2.0

#if AllFormats
  import Mustache

  /// The templates of HTML and XML.
  enum MarkupText {
    /// Renders a template. Every value in it is shown as text, whatever characters it has.
    static func render(_ template: String, _ values: Any) throws -> String {
      MustacheContentTypes.register(Escaping(), named: "MARKUP")
      return try MustacheTemplate(string: "{{% CONTENT_TYPE: MARKUP}}\n" + template).render(values)
    }

    /// Escapes by Unicode scalars. Mustache's own escaping looks at characters: a quotation mark with a combining mark
    /// behind it is another character there, and would end an attribute.
    private struct Escaping: MustacheContentType {
      func escapeText(_ text: String) -> String {
        var escaped = ""
        escaped.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
          switch scalar {
          case "<": escaped += "&lt;"
          case ">": escaped += "&gt;"
          case "&": escaped += "&amp;"
          case "\"": escaped += "&quot;"
          case "'": escaped += "&#39;"
          // Line breaks stay; no other control character can be in XML, and no text of a snapshot has one.
          case "\n", " "..."\u{D7FF}", "\u{E000}"..."\u{FFFD}", "\u{10000}"..."\u{10FFFF}":
            escaped.unicodeScalars.append(scalar)
          default: escaped.unicodeScalars.append("\u{FFFD}")
          }
        }
        return escaped
      }
    }
  }
#endif
