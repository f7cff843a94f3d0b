/// The name of a picture's thumbnail.
///
/// By the picture's name alone, so that it does not change when other pictures come and go; and no two names give the
/// same, so that no thumbnail is taken for another picture's:
///
/// - `photo.jpg` stays, unless what is left without `.jpg` ends like a picture, too;
/// - what else ends like a picture gets `.jpg` behind: `photo.png.jpg`, `photo.JPG.jpg`, `photo.png.jpg.jpg`;
/// - any other name gets `.picture.jpg`.
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

  /// What is behind the last dot, in small letters; nil where there is no dot.
  private static func ending(of name: String) -> String? {
    guard let dot = name.lastIndex(of: ".") else { return nil }
    return name[name.index(after: dot)...].lowercased()
  }
}
