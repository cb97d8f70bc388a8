import{$a as b,_a as a,ab as c,bb as d}from"./chunk-BETYMQKM.js";import"./chunk-P7A2EJK5.js";export{d as ccipRequest,c as offchainLookup,b as offchainLookupAbiItem,a as offchainLookupSignature};
