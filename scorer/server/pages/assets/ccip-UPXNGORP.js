import{$a as b,_a as a,ab as c,bb as d}from"./chunk-6OSJZJTO.js";import"./chunk-H57LH43S.js";export{d as ccipRequest,c as offchainLookup,b as offchainLookupAbiItem,a as offchainLookupSignature};
