// SPDX-License-Identifier: Apache-2.0

/// The Netpbm format that is written.
///
/// It is a struct and not an enum, so that more can be added.
public struct NetpbmVariant: Hashable, Sendable {
  enum Kind { case binary, plain, bitmap, plainBitmap }

  let kind: Kind

  /// Binary samples: PGM or PPM, or PAM if there is alpha. Samples have 16 bits if the bitmap has more than 8 bits a
  /// channel. Integers are written exactly.
  public static let binary = NetpbmVariant(kind: .binary)
  /// Samples as decimal numbers, PGM or PPM, so that people can read them. Pictures with alpha are laid on white.
  public static let plain = NetpbmVariant(kind: .plain)
  /// PBM, with one bit for each pixel: black if the luminance is below 128 of 255.
  public static let bitmap = NetpbmVariant(kind: .bitmap)
  /// PBM with a digit for each pixel.
  public static let plainBitmap = NetpbmVariant(kind: .plainBitmap)
}
