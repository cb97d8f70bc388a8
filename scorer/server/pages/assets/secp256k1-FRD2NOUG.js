import{a,b,c,d,e}from"./chunk-OBHV2N2R.js";import"./chunk-YSXERHQN.js";import"./chunk-P7A2EJK5.js";export{e as encodeToCurve,d as hashToCurve,b as schnorr,a as secp256k1,c as secp256k1_hasher};
