import{a,b,c,d,e}from"./chunk-ETJ4LPOI.js";import"./chunk-G2HMQWCH.js";import"./chunk-H57LH43S.js";export{e as encodeToCurve,d as hashToCurve,b as schnorr,a as secp256k1,c as secp256k1_hasher};
