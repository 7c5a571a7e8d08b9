BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE batches (
	project INTEGER NOT NULL, 
	batch INTEGER NOT NULL, 
	position INTEGER, 
	about TEXT NOT NULL, 
	PRIMARY KEY (project, batch), 
	FOREIGN KEY(project) REFERENCES projects ("key")
);
INSERT INTO "batches" VALUES(1,1,2,'{"gold":true,"notes":[],"repeats":0,"source":"old.csv","tokens":false}');
CREATE TABLE events (
	project INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	item TEXT, 
	annotator TEXT, 
	payload TEXT NOT NULL, 
	at FLOAT NOT NULL, 
	PRIMARY KEY (project, position), 
	FOREIGN KEY(project) REFERENCES projects ("key")
);
INSERT INTO "events" VALUES(1,1,'declared',NULL,NULL,'{"labels":["x","y"],"task":"choice"}',1790000000.0);
INSERT INTO "events" VALUES(1,2,'added',NULL,NULL,'{"batch":1}',1790000000.0);
INSERT INTO "events" VALUES(1,3,'asked',NULL,NULL,'{"ids":["a","b"],"position":2,"seed":3,"strategy":"margin"}',1790000000.0);
INSERT INTO "events" VALUES(1,4,'answered','a','ann','{"label":"x","seconds":1.5}',1790000000.0);
INSERT INTO "events" VALUES(1,5,'answered','a','ann','{"comment":"hm","flagged":true,"label":"y","proposal":3,"replaces":4}',1790000000.0);
CREATE TABLE items (
	project INTEGER NOT NULL, 
	batch INTEGER NOT NULL, 
	"row" INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	text TEXT NOT NULL, 
	tokens TEXT, 
	gold TEXT, 
	PRIMARY KEY (project, batch, "row"), 
	CONSTRAINT items_id UNIQUE (project, id), 
	FOREIGN KEY(project, batch) REFERENCES batches (project, batch)
);
INSERT INTO "items" VALUES(1,1,0,'a','one',NULL,'"x"');
INSERT INTO "items" VALUES(1,1,1,'b','zwei',NULL,'null');
CREATE TABLE keys (
	project INTEGER NOT NULL, 
	annotator TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	body TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	at FLOAT NOT NULL, 
	PRIMARY KEY (project, annotator, "key"), 
	FOREIGN KEY(project) REFERENCES projects ("key")
);
INSERT INTO "keys" VALUES(1,'ann','k','77fc6c211d9dd0f48b60b7390bf7af48',5,1790000000.0);
CREATE TABLE leases (
	project INTEGER NOT NULL, 
	item TEXT NOT NULL, 
	slot INTEGER NOT NULL, 
	annotator TEXT NOT NULL, 
	until FLOAT NOT NULL, 
	PRIMARY KEY (project, item, slot), 
	CONSTRAINT leases_annotator UNIQUE (project, item, annotator), 
	FOREIGN KEY(project) REFERENCES projects ("key")
);
INSERT INTO "leases" VALUES(1,'b',0,'bob',1790000600.0);
CREATE TABLE projects (
	"key" INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	task TEXT NOT NULL, 
	settings TEXT NOT NULL, 
	created FLOAT NOT NULL, 
	position INTEGER NOT NULL, 
	batches INTEGER NOT NULL, 
	PRIMARY KEY ("key"), 
	UNIQUE (id)
);
INSERT INTO "projects" VALUES(1,'reviews','Reviews','choice','{"strategy":"margin"}',1790000000.0,5,1);
CREATE TABLE standing (
	project INTEGER NOT NULL, 
	item TEXT NOT NULL, 
	annotator TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	PRIMARY KEY (project, item, annotator), 
	FOREIGN KEY(project) REFERENCES projects ("key")
);
INSERT INTO "standing" VALUES(1,'a','ann',5);
CREATE INDEX events_item ON events (project, item, position);
COMMIT;
