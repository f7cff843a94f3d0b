// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The words by which Swift's runtime knows which lazy statics of this package's modules are made. They are found by
/// the symbol table of the running program.
struct OnceTokens {
  let name: String
  /// The runtime (`swift_once`) writes -1, in 32 bits on Linux, when an initialiser has returned.
  let isDone: Bool

  private static let modules = [
    "21NativeSynchronization", "14ResourceLedger", "13NativeBuffers", "12Finalization", "12LeakAuditing",
  ]

  /// Empty if the program was stripped of its symbols.
  static func all() -> [OnceTokens] {
    let file = unsafe open("/proc/self/exe", O_RDONLY)
    guard file >= 0 else { return [] }
    defer { close(file) }
    let size = Int(lseek(file, 0, SEEK_END))
    guard let map = unsafe mmap(nil, size, PROT_READ, MAP_PRIVATE, file, 0), unsafe map != MAP_FAILED else { return [] }
    defer { unsafe munmap(map, size) }
    // SAFETY: an ELF file that the kernel has just run; its tables are within it.
    let header = unsafe map.load(as: Elf64_Ehdr.self)
    let sections = unsafe (map + Int(header.e_shoff)).assumingMemoryBound(to: Elf64_Shdr.self)
    let symbolTable = UInt32(SHT_SYMTAB)
    let places = 0..<Int(header.e_shnum)
    guard let symbols = places.first(where: { unsafe sections[$0].sh_type == symbolTable }) else { return [] }
    let table = unsafe sections[symbols]
    let names = unsafe map + Int(sections[Int(table.sh_link)].sh_offset)
    let entries = unsafe (map + Int(table.sh_offset)).assumingMemoryBound(to: Elf64_Sym.self)
    let base = programHeaders() - UInt(header.e_phoff)
    var tokens: [OnceTokens] = []
    for index in 0..<Int(table.sh_size) / MemoryLayout<Elf64_Sym>.stride {
      let symbol = unsafe entries[index]
      guard symbol.st_value != 0 else { continue }
      let text = unsafe (names + Int(symbol.st_name)).assumingMemoryBound(to: CChar.self)
      let length = unsafe strlen(text)
      guard length > 4, unsafe strcmp(text + length - 2, "Wz") == 0 else { continue }
      let name = unsafe String(cString: text)
      guard modules.contains(where: { name.hasPrefix("$s" + $0) }) else { continue }
      guard let word = unsafe UnsafePointer<Int32>(bitPattern: base + UInt(symbol.st_value)) else { continue }
      tokens.append(OnceTokens(name: name, isDone: unsafe word.pointee < 0))
    }
    return tokens
  }

  /// The address at which the kernel put the program's headers: `AT_PHDR`, 3, of its auxiliary vector.
  private static func programHeaders() -> UInt {
    let file = unsafe open("/proc/self/auxv", O_RDONLY)
    defer { close(file) }
    var pair: (type: UInt, value: UInt) = (0, 0)
    while unsafe read(file, &pair, 16) == 16 {
      if pair.type == 3 { return pair.value }
    }
    return 0
  }
}
