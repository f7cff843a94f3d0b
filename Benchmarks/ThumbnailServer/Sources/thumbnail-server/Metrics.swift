// SPDX-License-Identifier: Apache-2.0

import Finalization
import LeakAuditing
import Synchronization

extension ThumbnailService {
  /// What the process has, as text for Prometheus.
  ///
  /// An audit has the live buffers of `LeakAuditor.usage()`, and also what is idle and resident, and the findings.
  func metrics() throws -> String {
    let report = try LeakAuditor.audit()
    var text = ""
    func gauge(_ name: String, _ value: Int, _ labels: String = "") { text += "\(name)\(labels) \(value)\n" }

    gauge("requests_total", requests.all.load(ordering: .relaxed))
    gauge("requests_leaving_memory_total", requests.leaving.load(ordering: .relaxed))
    gauge("resident_bytes", report.outside.residentSet)
    gauge("malloc_bytes", report.outside.allocated ?? 0)
    gauge("cache_bytes", thumbnails.strongByteCount)
    gauge("findings", report.findings.count)
    for arena in report.arenas {
      let labels = "{arena=\(quoted(arena.name))}"
      gauge("native_buffers_live", arena.live.count, labels)
      gauge("native_buffers_live_bytes", arena.live.byteCount, labels)
      gauge("native_buffers_idle_bytes", arena.idle.byteCount, labels)
      gauge("native_buffers_dirty_bytes", arena.retention.dirty, labels)
    }
    for site in report.live.sites(top: 20) {
      let labels = "{site=\(quoted("\(site.file):\(site.line)"))}"
      gauge("native_buffers_site_live", site.count, labels)
      gauge("native_buffers_site_live_bytes", site.byteCount, labels)
    }
    return text
  }

  private func quoted(_ text: String) -> String {
    let escapes: [Character: String] = ["\\": "\\\\", "\"": "\\\"", "\n": "\\n"]
    return "\"\(text.map { escapes[$0] ?? String($0) }.joined())\""
  }
}
