// SPDX-License-Identifier: Apache-2.0

/// The version of this package, which its commands print for `--version`.
package enum PackageVersion {
  /// The newest version of CHANGELOG.md; with `-dev` at its end, what will be this version.
  package static let current = "0.1.0-dev"
}
