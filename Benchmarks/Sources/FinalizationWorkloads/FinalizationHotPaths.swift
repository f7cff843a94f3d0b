// SPDX-License-Identifier: Apache-2.0

public import BufferWorkloads
import Finalization

/// The paths of Finalization whose instructions are counted, by name.
public enum FinalizationHotPaths {
  public static let names = [
    "register-unregister", "register-unregister-element", "register-unregister-optional", "register-cancel",
    "register-death-delivery", "register-death-delivery-any", "native-resource", "cache-hit",
  ]

  /// Nil for a name that is not one of `names`.
  public static func workload(named name: String) throws -> Workload? {
    let registry = FinalizationWorkloads.makeRegistry()
    switch name {
    case "register-unregister": return FinalizationWorkloads.registerAndUnregister(in: registry)
    case "register-unregister-element": return FinalizationWorkloads.registerAndUnregisterElements(in: registry)
    case "register-unregister-optional": return FinalizationWorkloads.registerAndUnregisterOptional(in: registry)
    case "register-cancel": return FinalizationWorkloads.registerAndCancel(in: registry)
    case "register-death-delivery": return FinalizationWorkloads.registerDieDeliver(in: registry)
    case "register-death-delivery-any": return FinalizationWorkloads.registerDieDeliverAny(in: registry)
    case "native-resource": return FinalizationWorkloads.nativeResource()
    case "cache-hit":
      return try FinalizationWorkloads.cacheHit(ResourceCache(name: "benchmark"), keys: 0..<1_000)
    default: return nil
    }
  }
}
