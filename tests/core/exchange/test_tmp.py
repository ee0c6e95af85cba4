import json, numpy as np
from tests.core.exchange.conftest import *
def feature(geometry, name="Cell", **more):
    return {"type":"Feature","geometry":geometry,"properties":{"classification":{"name":name}},**more}
def test_first(desk):
    fc={"type":"FeatureCollection","features":[
      feature({"type":"Polygon","coordinates":[[[10,10],[100,10],[100,100],[10,100],[10,10]],[[20,20],[30,20],[30,30],[20,30],[20,20]]]}),
      feature({"type":"Polygon","coordinates":[[[10,10],[100,10],[100,100],[10,100],[10,10]]]}),
      feature({"type":"Point","coordinates":[5.5,6.5],"plane":{"z":1,"t":1,"c":-1}}),
      feature({"type":"LineString","coordinates":[[5.5,6.5],[7,8]]},"Nucleus"),
    ]}
    s=desk.bring(json.dumps(fc).encode())
    print(s.to_json()); 
    a=desk.drawn(); print(a)
    out=desk.export("geojson"); print(out.decode())
    s2=desk.bring(out); print(s2.to_json())
    assert desk.drawn()==a
