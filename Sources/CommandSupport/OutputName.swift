// SPDX-License-Identifier: Apache-2.0

/// The name of a picture's thumbnail.
///
/// It depends on the picture's name alone, so it does not change when other pictures come and go. Two different names
/// never give the same name, so no thumbnail is taken for that of another picture:
///
/// - `photo.jpg` stays, unless the part before `.jpg` ends like a picture, too, or with `.picture`;
/// - any other name that ends like a picture gets `.jpg` added: `photo.png.jpg`, `photo.JPG.jpg`, `photo.png.jpg.jpg`;
/// - all other names get `.picture.jpg` added.
enum OutputName {
  private static let endings: Set<String> = [
    "avif", "bmp", "gif", "heic", "jpe", "jpeg", "jpg", "pam", "pbm", "pgm", "png", "pnm", "ppm", "tif", "tiff", "webp",
  ]
  private static let added = "picture"

  static func name(for name: String) -> String {
    let ending = ending(of: name)
    if name.hasSuffix(".jpg"), let before = self.ending(of: String(name.dropLast(4))) {
      if !endings.contains(before), before != added { return name }
    } else if name.hasSuffix(".jpg"), name.utf8.count > 4 {
      return name
    }
    return ending.map(endings.contains) == true ? name + ".jpg" : "\(name).\(added).jpg"
  }

  /// The part after the last dot, in small letters; nil if there is no dot.
  private static func ending(of name: String) -> String? {
    guard let dot = name.lastIndex(of: ".") else { return nil }
    return name[name.index(after: dot)...].lowercased()
  }
}
