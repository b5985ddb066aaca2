package NegTest::AD;

# A real Active Directory in a directory of its own: Samba's domain controller
# on a loopback address of its own, with all that a NegTest::KDC can do for a
# client. Nothing of the machine's own Samba or Kerberos setup is read or written.

use strict;
use warnings;

use base 'NegTest::KDC';

use Data::Dumper ();
use Encode ();
use File::Copy 'copy';
use File::Path 'make_path';
use IO::Socket::INET;
use MIME::Base64 qw(decode_base64 encode_base64);
use NegTest::AD::Provision 'unpack_directory';
use NegTest::Initiator;
use NegTest::Process qw(run_ok wait_until);
use NegTest::Stage;

use constant {
    REALM         => 'AD.EXAMPLE.TEST',
    BASE          => 'DC=ad,DC=example,DC=test',
    START_SECONDS => 60,
    TRIES         => 20,
};

# userAccountControl (MS-ADTS 2.2.16)
use constant {
    NORMAL_ACCOUNT                 => 0x200,
    DONT_EXPIRE_PASSWORD           => 0x10000,
    TRUSTED_FOR_DELEGATION         => 0x80000,
    TRUSTED_TO_AUTH_FOR_DELEGATION => 0x1000000,
    NO_AUTH_DATA_REQUIRED          => 0x2000000,
};

# Who is in every directory. A password is the account's name unless told.
my @CAST = (
    [ user => 'alice', upn => 'alice@ad.example.test' ],
    [ user => 'bob',   upn => 'bob@ad.example.test' ],
    [ user => 'svc-web', spn => [ 'HTTP/localhost', 'HTTP/www.ad.example.test' ] ],
    [
        user       => 'svc-bare',
        spn        => ['HTTP/bare.ad.example.test'],
        attributes => {
            userAccountControl => NORMAL_ACCOUNT | DONT_EXPIRE_PASSWORD | NO_AUTH_DATA_REQUIRED
        }
    ],
    [ group => 'Engineers',   members => ['alice'] ],
    [ group => 'Contractors', members => ['bob'] ],
    [ group => 'Staff', members => [ 'Engineers', 'Contractors' ] ],
);

# --- start and stop ----------------------------------------------------------

# Why there can be none here, or undef.
sub missing {
    return 'a domain controller wants root: its ports are below 1024' if $> != 0;
    for my $program (qw(samba samba-tool ldbadd ldbmodify ldbsearch)) {
        return "$program is not installed; run tools/deps ad"
          if !grep { -x "$_/$program" } _path();
    }
    return 'samba-ad-provision is not installed; run tools/deps ad'
      if !-e '/usr/share/samba/setup/provision.ldif';
    return eval { _free_address(); 1 } ? undef : $@ =~ s/\n\z//r;
}

sub start {
    my ($class, %opt) = @_;
    local $ENV{PATH} = join ':', _path();
    my $self = bless { dir => $opt{dir}, realms => [REALM], host => _free_address(), port => 88 },
      $class;
    make_path("$self->{dir}/ccache");
    chmod 0700, "$self->{dir}/ccache";
    chmod 0711, $self->{dir};    # httpd's user reads krb5.conf
    $self->{smb_conf} = unpack_directory(
        dir     => "$self->{dir}/dc",
        address => $self->{host},
        realm   => REALM,
        recipe  => Data::Dumper->new([ \@CAST ])->Indent(0)->Sortkeys(1)->Dump,
        fill    => \&_fill,
    );
    $self->write_krb5_conf($self->krb5_conf, %{ $opt{libdefaults} || {} });
    $self->_start_samba($opt{log_level});
    $self->_save;
    return $self;
}

sub address { "$_[0]{host}:$_[0]{port}" }
sub host    { $_[0]{host} }
sub domain  { 'AD' }

sub log_text { $_[0]{daemon} ? $_[0]{daemon}->output : '' }

# Puts the keys of the services into a file of httpd's.
sub give_keytab {
    my ($self, $file) = @_;
    copy("$self->{dir}/dc/http.keytab", $file) or die "$file: $!\n";
    NegTest::Stage->give_to_httpd($file, 0600);
    return $file;
}

# However the name is written, the password is the account's.
sub kinit {
    my ($self, $user, %opt) = @_;
    return $self->SUPER::kinit($user, password => lc $user =~ s/\@.*//r, %opt);
}

# The user's half of a context. kinit => {...} says how the user came to the tickets.
sub initiator {
    my ($self, $user, %opt) = @_;
    my $kinit = delete $opt{kinit} || {};
    return NegTest::Initiator->new(
        ccache    => $self->kinit($user, forwardable => 1, %$kinit),
        krb5_conf => $self->krb5_conf,
        %opt
    );
}

sub _start_samba {
    my ($self, $level) = @_;
    $self->{daemon} = NegTest::Process->start(
        [
            'samba', '-i', '-M', 'single', "--configfile=$self->{smb_conf}", '--debug-stdout',
            $level ? "--option=log level = $level" : ()
        ],
        env    => { $self->env },
        output => "$self->{dir}/samba.out",
    );
    my $listens = sub { IO::Socket::INET->new(PeerAddr => $self->{host}, PeerPort => $_[0]) };
    my $decided = sub { !$self->{daemon}->alive || $listens->(88) && $listens->(389) };
    wait_until($decided, START_SECONDS) && $self->{daemon}->alive
      or die "samba did not start:\n", $self->log_text;
    return;
}

sub _save {
    my ($self) = @_;
    my %saved = map { $_ => $self->{$_} } qw(realms host port smb_conf);
    open my $out, '>', "$self->{dir}/attach.pl" or die "$self->{dir}/attach.pl: $!\n";
    print $out Data::Dumper->new([ \%saved ])->Terse(1)->Dump;
    close $out;
    return;
}

# The whole of 127/8 is ours: one at random, and nobody else has its ports.
sub _free_address {
    for (1 .. TRIES) {
        my $host = join '.', 127, map { 1 + int rand 254 } 1 .. 3;
        my @sockets = grep { defined }
          map { IO::Socket::INET->new(LocalAddr => $host, LocalPort => $_, Listen => 1) }
          qw(88 389 464 636 3268 3269);
        return $host if @sockets == 6;
    }
    die "no loopback address has a domain controller's ports free ($!)\n";
}

sub _path { return (split(/:/, $ENV{PATH} || ''), qw(/usr/sbin /sbin)) }

# --- a new directory ---------------------------------------------------------

sub _fill {
    my ($dir, $smb_conf) = @_;
    my $self = bless { smb_conf => $smb_conf }, __PACKAGE__;
    $self->_change(BASE, map { [ replace => $_ => 0 ] } qw(minPwdLength pwdProperties minPwdAge));
    for my $entry (@CAST) {
        my ($kind, @args) = @$entry;
        $kind eq 'user' ? $self->add_user(@args) : $self->add_group(@args);
    }
    my @services = map { my ($kind, $name, %opt) = @$_; @{ $opt{spn} || [] } } @CAST;
    $self->add_to_keytab("$dir/http.keytab", \@services);
    return;
}

# --- accounts, groups and keytabs --------------------------------------------

# A service's tickets are encrypted with AES (24); without that attribute with RC4.
sub add_user {
    my ($self, $name, %opt) = @_;
    my %attributes = (
        userAccountControl => NORMAL_ACCOUNT | DONT_EXPIRE_PASSWORD,
        clearTextPassword  => _password(defined $opt{password} ? $opt{password} : $name),
        defined $opt{upn} ? (userPrincipalName => $opt{upn}) : (),
        $opt{spn}
        ? (servicePrincipalName => $opt{spn}, 'msDS-SupportedEncryptionTypes' => 24)
        : (),
        %{ $opt{attributes} || {} },
    );
    return $self->_add($name, 'user', %attributes);
}

sub add_group {
    my ($self, $name, %opt) = @_;
    my @members = map { $self->dn($_) } @{ $opt{members} || [] };
    my %attributes = (@members ? (member => \@members) : (), %{ $opt{attributes} || {} });
    return $self->_add($name, 'group', %attributes);
}

# Many at once, in one step: { name => 'Team 1', members => [...] }, ...
sub add_groups {
    my ($self, @groups) = @_;
    my $ldif = '';
    for my $group (@groups) {
        my @members = map { $self->dn($_) } @{ $group->{members} || [] };
        $ldif .= _entry($group->{name}, 'group', @members ? (member => \@members) : ());
    }
    return $self->_ldb('ldbadd', $ldif);
}

sub add_members    { my ($self, @names) = @_; return $self->_change_members('add',    @names) }
sub remove_members { my ($self, @names) = @_; return $self->_change_members('delete', @names) }

sub _change_members {
    my ($self, $how, $group, @members) = @_;
    my $members = [ map { $self->dn($_) } @members ];
    return $self->_change($self->dn($group), [ $how => member => $members ]);
}

# Attributes get these values and no others; undef removes one.
sub modify {
    my ($self, $name, %attributes) = @_;
    my @changes = map { [ replace => $_ => $attributes{$_} // [] ] } sort keys %attributes;
    return $self->_change($self->dn($name), @changes);
}

sub add_spn {
    my ($self, $name, $spn) = @_;
    return $self->_change($self->dn($name), [ add => servicePrincipalName => $spn ]);
}

sub set_password {
    my ($self, $name, $password) = @_;
    return $self->modify($name, clearTextPassword => _password($password));
}

# The values of an account's attribute.
sub get {
    my ($self, $name, $attribute) = @_;
    my @query = ('-b', BASE, "(sAMAccountName=$name)", $attribute);
    my $text  = run_ok([ 'ldbsearch', '-H', $self->_sam, @query ]) =~ s/\n //gr;
    my @values;
    push @values, $1 ? decode_base64($2) : $2 while $text =~ /^\Q$attribute\E:(:?) (.*)$/mig;
    return @values;
}

# All are asked for at once: each ldbsearch takes its time.
sub sid {
    my ($self, $name) = @_;
    $self->_learn_sids if !$self->{sid}{$name};
    return $self->{sid}{$name} || die "nobody is called $name\n";
}

sub _learn_sids {
    my ($self) = @_;
    my @query = ('-b', BASE, '(objectSid=*)', 'sAMAccountName', 'objectSid');
    my $text  = run_ok([ 'ldbsearch', '-H', $self->_sam, @query ]) =~ s/\n //gr;
    for my $entry (split /\n\n+/, $text) {
        my ($name) = $entry =~ /^sAMAccountName: (.*)$/m or next;
        ($self->{sid}{$name}) = $entry =~ /^objectSid: (.*)$/m;
    }
    return;
}

sub dn {
    my ($self, $name) = @_;
    return $self->{dn}{$name} ||= ($self->get($name, 'distinguishedName'))[0]
      || die "nobody is called $name\n";
}

# Appends the keys of accounts or of their service principals, as they are.
sub add_to_keytab {
    my ($self, $file, $principals) = @_;
    $self->samba_tool('domain', 'exportkeytab', $file, "--principal=$_")
      for ref $principals ? @$principals : $principals;
    return $file;
}

# --- delegation --------------------------------------------------------------

# The service gets forwarded TGTs, for any service.
sub trust_for_delegation {
    my ($self, $name) = @_;
    return $self->_set_account_flag($name, TRUSTED_FOR_DELEGATION);
}

# Constrained delegation (S4U2Proxy), to these services; protocol => 1: for users who came
# without Kerberos, too (S4U2Self).
sub allow_delegation {
    my ($self, $name, $services, %opt) = @_;
    $self->_set_account_flag($name, TRUSTED_TO_AUTH_FOR_DELEGATION) if $opt{protocol};
    return $self->modify($name, 'msDS-AllowedToDelegateTo' => $services);
}

sub _set_account_flag {
    my ($self, $name, $flag) = @_;
    my ($now) = $self->get($name, 'userAccountControl');
    return $self->modify($name, userAccountControl => $now | $flag);
}

# --- Samba's tools -----------------------------------------------------------

sub samba_tool {
    my ($self, @command) = @_;
    return run_ok([ 'samba-tool', @command, "--configfile=$self->{smb_conf}" ], timeout => 120);
}

sub kadmin { die "an Active Directory has no kadmin\n" }

sub _sam { my ($self) = @_; return $self->{smb_conf} =~ s{/etc/smb\.conf\z}{/private/sam.ldb}r }

sub _add {
    my ($self, $name, $class, %attributes) = @_;
    return $self->_ldb('ldbadd', _entry($name, $class, %attributes));
}

# LDIF (RFC 2849), every value in base64: no value can be taken for a line.
sub _entry {
    my ($name, $class, %attributes) = @_;
    my $ldif = "dn: CN=$name,CN=Users," . BASE . "\n";
    $ldif .= join '', _values(objectClass => $class), _values(sAMAccountName => $name);
    $ldif .= join '', map { _values($_ => $attributes{$_}) } sort keys %attributes;
    return "$ldif\n";
}

sub _values {
    my ($attribute, $values) = @_;
    return map { "$attribute\:: " . encode_base64($_, '') . "\n" } ref $values ? @$values : $values;
}

sub _change {
    my ($self, $dn, @changes) = @_;
    my $ldif = "dn: $dn\nchangetype: modify\n";
    for my $change (@changes) {
        my ($how, $attribute, $values) = @$change;
        $ldif .= join '', "$how: $attribute\n", _values($attribute, $values), "-\n";
    }
    return $self->_ldb('ldbmodify', "$ldif\n");
}

sub _ldb {
    my ($self, $program, $ldif) = @_;
    return run_ok([ $program, '-H', $self->_sam ], input => $ldif, timeout => 300);
}

sub _password { my ($text) = @_; return Encode::encode('UTF-16LE', $text) }

1;

__END__

=head1 NAME

NegTest::AD - a private Active Directory

=head1 SYNOPSIS

    my $missing = NegTest::AD->missing;
    plan skip_all => $missing if $missing;
    my $ad = NegTest::AD->start(dir => stage_dir() . '/ad', libdefaults => { ... },
                                log_level => 'kerberos:3');      # $ad->log_text: each request
    my $server = server(env => { $ad->env }, conf => ...);
    $ad->give_keytab(keytab('ad'));        # a file in the stage, of httpd's user
    my $gss = $ad->initiator('alice');     # or ($name, kinit => {...}, delegate => 1, ...)

The realm AD.EXAMPLE.TEST has alice (Engineers, which is in Staff), bob (Contractors, in Staff) and
svc-web, whose services are HTTP/localhost and HTTP/www.ad.example.test. The service of svc-bare,
HTTP/bare.ad.example.test, gets tickets without a PAC.
A password is the account's name. It starts in about two seconds; the first time on a
machine it is made, which takes ten more.

    $ad->add_user('carol', password => 'x', upn => 'c@ad.example.test', spn => ['HTTP/a'],
                  attributes => { displayName => 'Carol' });
    $ad->add_group('Team', members => [ 'alice', 'Engineers' ]);
    $ad->add_groups({ name => 'T1', members => ['alice'] }, ...);     # a thousand in a moment
    $ad->add_members('Team', 'carol'); $ad->remove_members('Team', 'alice');
    $ad->modify('carol', userPrincipalName => 'carol@ad.example.test', title => undef);
    $ad->add_spn('carol', 'HTTP/b'); $ad->set_password('carol', 'y');
    $ad->get('carol', 'memberOf'); $ad->sid('Team'); $ad->dn('Team');
    $ad->add_to_keytab($file, [ 'HTTP/a' ]);                          # appends
    $ad->trust_for_delegation('svc-web');                             # forwarded TGTs
    $ad->allow_delegation('svc-web', [ 'HTTP/back' ], protocol => 1); # S4U2Proxy, S4U2Self
    $ad->samba_tool('user', 'disable', 'carol');

    $ad->host; $ad->realm; $ad->domain; $ad->krb5_conf; $ad->env;
    $ad->kinit('ALICE', canonicalize => 1, forwardable => 1); $ad->kvno(...); $ad->klist(...);
    $ad->write_krb5_conf($other_file, clockskew => 1);
    NegTest::AD->attach($dir);      # in another process; whoever started it stops it

Directories of several test programs may run at the same time.

=cut
